import { create } from '@bufbuild/protobuf';
import { type Logger, reasonOf } from '@weir/kit';
import { type Chain, ShipEntriesRequestSchema } from '@weir/sdk/gen/weir/audit/v1/journal_pb';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import type { WrittenSegment } from '../writer/segments.ts';
import {
  createEntryReader,
  DamagedSegmentError,
  GoneSegmentError,
  type ReadEntries,
} from './entry-reader.ts';
import type { IntakeCall, JournalIntake } from './intake.ts';
import { whenSpare } from './spare.ts';

/** A chain to ship. */
export interface ShippedChain {
  readonly chain: Chain;
  /** In their order, with what was added since. */
  readonly segments: () => readonly WrittenSegment[];
  /** The position after the last entry that is there to stay. */
  readonly end: () => number;
  /** Whether nothing of the chain before is on the disk any more. */
  readonly previousGone: () => Promise<boolean>;
  /** The registry holds all before this position, and nothing behind it: it may hold less than before. */
  readonly confirmed: (position: number) => void;
  /** The file of a segment is not there any more. */
  readonly forget: (path: string) => void;
  /** It cannot be shipped, and is left for people. */
  readonly setAside: (why: string) => Promise<void>;
}

/** What ships a chain. */
export interface ChainShipperDeps {
  readonly intake: JournalIntake;
  readonly log: Logger;
  readonly call: () => IntakeCall;
  /** The registry knows the chain now. */
  readonly onKnown?: () => void;
  /** The registry holds less of the chain than before: its database was restored, or lost something. */
  readonly onLost: () => void;
}

/** So often in a row a registry must say that a chain contradicts what it holds, to be believed. */
const CONTRADICTED_TIMES = 3;

/** Ships one chain. */
export interface ChainShipper {
  /**
   * Ships what is there now. `aside`: it cannot be shipped, now or later. Rejects when it is to be
   * tried again; then it asks the registry anew what it holds.
   */
  ship(): Promise<'shipped' | 'aside'>;
  /** Has the registry asked anew what it holds. */
  doubt(): void;
}

/** Makes what ships a chain; nothing is sent yet. */
export function createChainShipper(shipped: ShippedChain, deps: ChainShipperDeps): ChainShipper {
  const { chain } = shipped;
  const { intake, log, call } = deps;
  const reader = createEntryReader(shipped.segments);
  let isAside = false;
  let isDoubted = true;
  /** How often in a row the registry said that it holds something else. */
  let contradicted = 0;
  /** What the registry held when it was last heard; undefined: it was not. */
  let held: number | undefined;

  const goOnFrom = (position: number) => {
    const before = held;
    held = position;
    reader.seek(position);
    if (position !== before) shipped.confirmed(position);
    if (before === undefined || position >= before) return;
    const what = 'the registry holds less of a chain than before; it is shipped again';
    log.error({ chain: chain.id, before, now: position }, what);
    deps.onLost();
  };
  const makeKnown = async () => {
    const previousGone = await shipped.previousGone();
    const answer = await intake.openChain({ chain, previousGone }, call());
    goOnFrom(Number(answer.shipped));
    deps.onKnown?.();
    const end = shipped.end();
    if (Number(answer.shipped) <= end) return;
    log.error({ chain: chain.id, end }, 'the registry holds more of a chain than the disk');
  };
  const send = async ({ first, entries, goneHead }: ReadEntries) => {
    const told = { chain: chain.id, first: BigInt(first), entries: [...entries] };
    const request = create(ShipEntriesRequestSchema, { ...told, ...(goneHead && { goneHead }) });
    const answer = await intake.shipEntries(request, call());
    const position = Number(answer.shipped);
    if (goneHead && position > first) {
      const what = 'entries are lost: they are no longer here, and the registry does not hold them';
      log.error({ chain: chain.id, first: held, end: first }, what);
    }
    goOnFrom(position);
    if (position <= first) throw new Error('the registry took in nothing');
  };
  const setAside = async (why: string) => {
    isAside = true;
    const what = 'a chain of the journal cannot be shipped, and is set aside: see docs/audit.md';
    log.error({ chain: chain.id, why }, what);
    await shipped.setAside(why);
  };
  /** Why it cannot be shipped, however often it is tried; undefined: it may be. */
  const whyAside = (error: unknown): string | undefined => {
    if (error instanceof DamagedSegmentError) return error.message;
    const why = contradiction(error);
    contradicted = why === undefined ? 0 : contradicted + 1;
    return contradicted < CONTRADICTED_TIMES ? undefined : why;
  };
  const forgetGone = (error: unknown) => {
    if (!(error instanceof GoneSegmentError)) return;
    const { path } = error;
    // The process holds the one that is open, whatever became of its name.
    if (shipped.segments().some((one) => one.path === path && one.isOpen)) return;
    log.error({ chain: chain.id, path }, 'a segment of the journal is gone from the disk');
    shipped.forget(path);
  };

  return {
    doubt() {
      isDoubted = true;
    },
    async ship() {
      if (isAside) return 'aside';
      try {
        if (isDoubted) {
          isDoubted = false;
          await makeKnown();
        }
        const end = shipped.end();
        for (let read = await reader.next(end); read; read = await reader.next(end)) {
          await whenSpare(call().signal);
          await send(read);
        }
        contradicted = 0;
        return 'shipped';
      } catch (error) {
        isDoubted = true;
        forgetGone(error);
        const why = whyAside(error);
        if (why === undefined) throw error;
        await setAside(why);
        return 'aside';
      }
    },
  };
}

/** What the registry says that contradicts what it holds; undefined: it is something else. */
export function contradiction(error: unknown): string | undefined {
  if (reasonOf(error) !== Reason.ALREADY_EXISTS) return undefined;
  return error instanceof Error ? error.message : String(error);
}
