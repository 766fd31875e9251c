import { timestampMs } from '@bufbuild/protobuf/wkt';
import type { Chain } from '@weir/sdk/gen/weir/audit/v1/journal_pb';
import type { Fault, FaultKind, Place } from '../format/fault.ts';
import { genesis } from '../format/hash.ts';
import { bufferOf } from '../format/header.ts';
import { anchorMs, createAnchors, isSignedBy } from './anchors.ts';
import { type ChainChecker, type CheckedEntry, createChainChecker } from './chain-checker.ts';
import type { ChainPart, ChainSource } from './chain-source.ts';
import { createDropped } from './dropped.ts';
import type { VerifiedChain, VerifyOptions } from './verify.ts';

/** What was found out about one chain. */
export interface ChainVerifier {
  readonly verified: VerifiedChain;
  readonly fault: Fault | undefined;
  /** Entries that are lost, one for each gap. */
  readonly losses: readonly Fault[];
  /** When it began; 0: that is not told. */
  readonly beganMs: number;
  /** Whether entries of it were there. */
  readonly hasEntries: boolean;
  /** That the registry was told of more entries than are there. */
  readonly tooShort: Fault | undefined;
}

/** Verifies one chain, up to its first fault. */
export async function verifyChain(
  source: ChainSource,
  options: VerifyOptions,
): Promise<ChainVerifier> {
  const walk = createWalk(source, options);
  for (const anchor of options.anchors ?? []) {
    if (anchor.chain === source.id) walk.take({ kind: 'anchor', anchor });
  }
  for await (const part of source.parts) {
    if (walk.fault !== undefined) break;
    walk.take(part);
  }
  return walk.end();
}

function createWalk(source: ChainSource, options: VerifyOptions) {
  const { id, chain } = source;
  const told = options.publicKeys?.get(id);
  const publicKey = told ?? chain?.publicKey;
  const anchors = createAnchors();
  const notes: string[] = [];
  let checker: ChainChecker | undefined;
  let fault: Fault | undefined;
  let first = 0;
  const allowed = createDropped();
  let dropped = 0;
  const losses: Fault[] = [];
  let lost = 0;

  const at = () => ({ length: checker?.length ?? 0, head: checker?.head ?? genesis });
  const blame = (kind: FaultKind, text: string, place?: Place, position = at().length) => {
    fault ??= { kind, text, chain: id, position, place };
  };

  const meetAnchor = (place: Place | undefined) => {
    const wrong = anchors.reached(at());
    if (wrong !== undefined) blame('anchor', wrong, place, checker?.checkpointed);
  };

  const start = (part: ChainPart & { kind: 'start' }) => {
    if (checker === undefined) {
      first = part.head && (options.pruned || part.isPruned) ? part.first : 0;
      const from = first > 0 && part.head ? { length: first, head: part.head } : {};
      checker = createChainChecker({ chain: id, publicKey, ...from });
      if (first > 0) {
        notes.push(`entries 0 to ${first - 1} are not here`);
        meetAnchor(part.place);
      }
    }
    const { length, head } = checker;
    const { place } = part;
    if (part.first > length) {
      blame('missing', `entries ${length} to ${part.first - 1} are missing`, place);
    } else if (part.first < length) {
      blame('order', `entry ${part.first} comes where entry ${length} should`, place);
    } else if (part.head && !bufferOf(head).equals(part.head)) {
      blame(
        'tie',
        'the segment does not follow from the one before',
        place,
        Math.max(0, length - 1),
      );
    }
  };

  const entry = (entry: CheckedEntry) => {
    checker ??= createChainChecker({ chain: id, publicKey });
    const checked = checker.add(entry);
    if (checked.fault) {
      fault ??= checked.fault;
      return;
    }
    if (entry.body.byteLength === 0) {
      dropped += 1;
      const { position } = checked.header;
      if (!allowed.covers(position)) {
        const text = 'the body was removed, and not by the registry, which notes it';
        blame('body', text, entry.place, position);
      }
    }
    if (checked.header.kind === 'link' && differs(chain, checker.link)) {
      blame('link', 'the link tells another chain than is known', entry.place, 0);
    }
    meetAnchor(entry.place);
  };

  const lose = ({ first, count, head, foundMs }: ChainPart & { kind: 'lost' }) => {
    checker ??= createChainChecker({ chain: id, publicKey });
    const { length } = checker;
    if (first !== length || count < 1) {
      return blame(
        'order',
        `lost entries from ${first} on are told of where entry ${length} is due`,
      );
    }
    const text = `entries ${first} to ${first + count - 1} are lost: their router had deleted them, as it does what a registry confirmed, and the registry found on ${new Date(foundMs).toISOString()} that its database does not have them, as one that was restored from an older backup`;
    losses.push({ kind: 'lost', text, chain: id, position: first, place: undefined });
    lost += count;
    checker.skip(count, head);
    meetAnchor(undefined);
  };

  const take = (part: ChainPart) => {
    switch (part.kind) {
      case 'start':
        return start(part);
      case 'entry':
        return entry(part);
      case 'anchor': {
        const wrong = anchors.add(part.anchor, at());
        if (wrong !== undefined) blame('anchor', wrong);
        else if (publicKey && !isSignedBy(publicKey, part.anchor)) {
          blame('anchor', `the signature of the anchor of ${part.anchor.length} entries is wrong`);
        }
        return;
      }
      case 'lost':
        return lose(part);
      case 'dropped':
        return allowed.add(part.ranges);
      case 'note':
        return void notes.push(part.text);
      case 'bad':
        return blame(part.fault, part.text, part.place, part.position);
      default:
        return part satisfies never;
    }
  };

  const tooShort = (): Fault | undefined => {
    const from = options.unshippedFromMs ?? Number.POSITIVE_INFINITY;
    const { length } = at();
    const unmet = anchors
      .unmet()
      .filter((anchor) => Number(anchor.length) > length && !(anchorMs(anchor) >= from));
    if (unmet.length === 0) return undefined;
    const most = unmet.reduce((a, b) => (a.length > b.length ? a : b)).length;
    const text = `cut off: the registry was told of ${most} entries, and ${length} are here`;
    return { kind: 'anchor', text, chain: id, position: length, place: undefined };
  };

  if (told && chain && !bufferOf(told).equals(chain.publicKey)) {
    blame('key', 'the chain tells another public key than is known of it', undefined, 0);
  }
  return {
    get fault() {
      return fault;
    },
    take,
    end(): ChainVerifier {
      const said = checker?.link ?? chain;
      const { length, head } = at();
      const checkpointed = checker?.checkpointed ?? 0;
      return {
        verified: {
          ...{ id, chain: said, first, length, head, checkpointed },
          ...{ anchors: anchors.met, dropped, notes },
          lost,
        },
        fault,
        losses,
        beganMs: said?.createTime ? timestampMs(said.createTime) : 0,
        hasEntries: checker !== undefined && length > first,
        tooShort: fault ? undefined : tooShort(),
      };
    },
  };
}

/** Whether what a source says of a chain is not what its link says. */
function differs(chain: Chain | undefined, link: Chain | undefined): boolean {
  if (!chain || !link) return false;
  return (
    chain.writer !== link.writer ||
    chain.previousId !== link.previousId ||
    chain.previousLength !== link.previousLength ||
    !bufferOf(chain.previousHead).equals(link.previousHead) ||
    !bufferOf(chain.publicKey).equals(link.publicKey)
  );
}
