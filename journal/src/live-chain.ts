import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { create, toBinary } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { type Chain, ChainSchema } from '@weir/sdk/gen/weir/audit/v1/journal_pb';
import { exists, markAside } from './aside.ts';
import { type Checkpoints, createCheckpoints } from './checkpoints.ts';
import { createChainKeys } from './format/checkpoint.ts';
import { CHAIN_ID_BYTES } from './format/header.ts';
import { keepChain, type LeftChain } from './old-chain.ts';
import { type JournalOptions, SEGMENT_MAX_BYTES } from './options.ts';
import type { Recovered } from './recovery/recover.ts';
import { within } from './repeat.ts';
import { createRetention, type KeptChain, type Retention } from './retention.ts';
import { budgetFault, probeRoom } from './room.ts';
import type { ShippedChain } from './ship/chain-shipper.ts';
import { type Shipper, startShipper } from './ship/shipper.ts';
import type { JournalFiles } from './writer/files.ts';
import type { WriterObserver } from './writer/observer.ts';
import { createSegments } from './writer/segments.ts';
import { Writer, type WriterState } from './writer/writer.ts';

/** How long the end waits for the registry. */
export const CLOSE_SHIP_MAX_MS = 3_000;

/** The chain of this start, with all that belongs to it. */
export interface LiveChain {
  readonly chain: Chain;
  readonly writer: Writer;
  readonly retention: Retention;
  readonly shipping: Shipping;
  /** Adds a checkpoint, unless nothing came since the last. */
  checkpoint(): void;
  stats(): {
    readonly state: WriterState['kind'];
    readonly entries: number;
    readonly bytes: number;
  };
}

interface Shipping {
  readonly shipper: Shipper | undefined;
  stats(): {
    readonly unshipped: number;
    readonly unshippedChains: number;
    readonly asideChains: number;
  };
  /** Ships what is left, within `CLOSE_SHIP_MAX_MS`. */
  finish(): Promise<void>;
}

/** Begins the chain of this start, on the disk, and starts to ship. */
export async function openChain(
  options: JournalOptions & { readonly files: JournalFiles },
  recovered: Recovered,
): Promise<LiveChain> {
  const { directory, clock, files, maxBytes, durable } = options;
  const keys = createChainKeys();
  const timeMs = clock.wallMs();
  const chain = linkedChain(options.writer, { ...keys, timeMs, previous: recovered.previous });
  const folder = join(directory, chain.id);
  await mkdir(folder, { mode: 0o700 });
  const segments = createSegments(folder, chain, files);
  const checkpoints = createCheckpoints(chain.id, keys.privateKey);
  const own = {
    segments: () => segments.list,
    forget: segments.forget,
    // It grows: what it may take is bounded like that of any other.
    isApart: () => false,
  };
  const { log } = options;
  const old = recovered.chains.map((one) => keepChain(one, { log, wallMs: () => clock.wallMs() }));
  const retention = createRetention({ ...options, chains: [...old.map(({ kept }) => kept), own] });
  let bytes = 0;
  let shipper: Shipper | undefined;
  const observer = observeWriter(options, {
    checkpoints,
    wrote(count) {
      bytes += count;
      retention.grew(count);
    },
    committed() {
      const head = checkpoints.takeWritten(writer.written);
      if (head !== undefined) shipper?.anchor(head);
    },
  });
  const writer = new Writer({
    ...{ segments, clock, durable, observer, checkpoint: checkpoints.make },
    segmentMaxBytes: options.segmentMaxBytes ?? SEGMENT_MAX_BYTES,
    forbidden: () => {
      const { usedBytes, apartBytes } = retention;
      return budgetFault({ usedBytes, apartBytes, maxBytes });
    },
    probe: () => probeRoom(directory, files),
  });
  writer.add('link', timeMs, toBinary(ChainSchema, chain));
  await writer.settled();
  const shipping = startShipping(options, { chain, own, old, retention, writer });
  shipper = shipping.shipper;
  return {
    ...{ chain, writer, retention, shipping },
    checkpoint() {
      if (writer.state.kind !== 'open' || checkpoints.isAtEnd(writer.mark)) return;
      const at = clock.wallMs();
      writer.add('checkpoint', at, checkpoints.make(writer.mark, at));
    },
    stats: () => ({ state: writer.state.kind, entries: writer.written.position, bytes }),
  };
}

function linkedChain(
  writer: string,
  of: { publicKey: Uint8Array; timeMs: number; previous: Recovered['previous'] },
): Chain {
  return create(ChainSchema, {
    id: randomBytes(CHAIN_ID_BYTES).toString('hex'),
    writer,
    publicKey: of.publicKey,
    createTime: timestampFromMs(of.timeMs),
    previousId: of.previous?.id ?? '',
    previousHead: of.previous?.head ?? new Uint8Array(),
    previousLength: BigInt(of.previous?.length ?? 0),
  });
}

function observeWriter(
  { observe, log }: JournalOptions,
  on: { checkpoints: Checkpoints; wrote(bytes: number): void; committed(): void },
): WriterObserver {
  return {
    wrote(bytes, tookMs) {
      on.wrote(bytes);
      observe?.wrote(tookMs);
    },
    synced: (tookMs) => observe?.synced(tookMs),
    committed: on.committed,
    turned(state) {
      if (state.kind === 'failed') {
        on.checkpoints.drop();
        observe?.failed();
      }
      const level = state.kind === 'open' || state.kind === 'closed' ? 'info' : 'error';
      log[level]({ journal: state }, `journal: ${state.kind}`);
    },
  };
}

/** Ships the chains to the registry, if there is one. */
function startShipping(
  { directory, intake, clock, log }: JournalOptions,
  of: {
    readonly chain: Chain;
    readonly own: KeptChain;
    readonly old: readonly LeftChain[];
    readonly retention: Retention;
    readonly writer: Writer;
  },
): Shipping {
  const { chain, own, old, retention, writer } = of;
  let shipped = 0;
  let isAside = false;
  const confirmed = (position: number) => {
    shipped = position;
    retention.confirmed(own, position);
  };
  const current = {
    ...{ chain, segments: own.segments, forget: own.forget, confirmed },
    end: () => writer.written.position,
    async setAside(why: string) {
      isAside = true;
      confirmed(0);
      const failed = (error: unknown) => log.error({ err: error }, 'the chain cannot be marked');
      await markAside(join(directory, chain.id), why, clock.wallMs()).catch(failed);
    },
  };
  const left = old.map((one) => one.shipped((position) => retention.confirmed(one.kept, position)));
  const shipper =
    intake &&
    startShipper({
      ...{ intake, log },
      old: left.map((one) => withPrevious(one, directory)),
      current: withPrevious(current, directory),
    });
  return {
    shipper,
    stats: () => ({
      unshipped: Math.max(0, writer.written.position - shipped),
      unshippedChains: old.filter(({ isShipped }) => !isShipped).length,
      asideChains: old.filter(({ kept }) => kept.isApart()).length + (isAside ? 1 : 0),
    }),
    async finish() {
      shipper?.finish();
      await within(CLOSE_SHIP_MAX_MS, shipper?.finished);
      await shipper?.stop();
    },
  };
}

/** A chain that can tell whether its folder is the oldest of its line. */
function withPrevious(
  shipped: Omit<ShippedChain, 'previousGone'>,
  directory: string,
): ShippedChain {
  const { previousId } = shipped.chain;
  const previousGone = async () =>
    previousId !== '' && !(await exists(join(directory, previousId)));
  return { ...shipped, previousGone };
}
