import { Code } from '@connectrpc/connect';
import { type Refusal, WeirCallError } from '../errors.ts';
import { Reason } from '../gen/weir/errors/v1/reason_pb.ts';
import { concat } from '../payload.ts';
import { type ContextItem, type ItemArrived, type ItemOutcome, withBytes } from './item.ts';
import { readLink, type ValueLink } from './link.ts';
import { handled } from './stream.ts';

/** What becomes of values that are too large to carry, and come as links. */
export interface LinkOptions {
  /**
   * `follow`: their bytes are got and checked, and the item has its value as any other. `keep`: the
   * item has `url`, and no value; `readValue` reads it. Default: `follow`.
   */
  readonly links?: 'follow' | 'keep' | undefined;
  /** The largest value that is followed, in bytes; a larger one is refused. Default: 64 MiB. */
  readonly maxValueBytes?: number | undefined;
}

/** How links are followed. */
export interface FollowOptions extends LinkOptions {
  /** When it ends at the latest, by `performance.now()`. */
  readonly deadline: number;
  readonly signal?: AbortSignal | undefined;
}

/** Turns an outcome with a link into one with a value, or a refusal. Never rejects. */
export type Follow = (outcome: ItemOutcome, options: FollowOptions) => Promise<ItemOutcome>;

const maxValueBytesDefault = 64 * 1024 * 1024;
const followedAtOnce = 4;

/** Makes what follows the links of a Weir at the address of the moment. */
export function createFollow(base: () => string): Follow {
  return async (outcome, options) => {
    if (options.links === 'keep' || !outcome.ok) return outcome;
    const link = linkOf(outcome.item);
    if (link === undefined) return outcome;
    const { maxValueBytes = maxValueBytesDefault } = options;
    if (link.sizeBytes > maxValueBytes) return refused(outcome, tooLarge(link, maxValueBytes));
    try {
      const bytes = await readWhole(link, { base: base(), signal: signalOf(options) });
      return { ...outcome, ...withBytes(outcome.item, bytes) };
    } catch (error) {
      if (!(error instanceof WeirCallError)) throw error;
      const { code, reason, text, retryDelayMs } = error;
      const retry = retryDelayMs !== undefined && { retryDelayMs };
      return refused(outcome, { code, reason, text, offeredVersions: [], ...retry });
    }
  };
}

/** Reads the value of any item, whether it came along or lies at a link. */
export async function* readItemValue(
  item: ContextItem<unknown>,
  { base, ...options }: Omit<FollowOptions, keyof LinkOptions> & { readonly base: string },
): AsyncGenerator<Uint8Array> {
  const link = linkOf(item);
  if (link === undefined || item.bytes.length > 0) yield item.bytes;
  else yield* readLink(link, { base, signal: signalOf(options) });
}

/** Follows the links of many outcomes, some at once; the order stays. */
export async function followAll(
  outcomes: readonly ItemOutcome[],
  follow: (outcome: ItemOutcome) => Promise<ItemOutcome>,
): Promise<ItemOutcome[]> {
  const followed = [...outcomes];
  const queue = outcomes.entries();
  const work = async (): Promise<void> => {
    for (const [at, outcome] of queue) followed[at] = await follow(outcome);
  };
  await Promise.all(Array.from({ length: followedAtOnce }, work));
  return followed;
}

/** What the source of outcomes brings. */
interface Coming {
  readonly step: IteratorResult<ItemOutcome>;
}

/**
 * Follows the links of outcomes as they come; a large value holds up no other. `leave` is called
 * when nobody wants more, and must end what is under way.
 */
export async function* followAsTheyCome(
  outcomes: AsyncIterable<ItemOutcome>,
  follow: (outcome: ItemOutcome) => Promise<ItemOutcome>,
  leave: () => void,
): AsyncGenerator<ItemOutcome> {
  const source = outcomes[Symbol.asyncIterator]();
  const next = () => handled(source.next().then((step) => ({ step })));
  const following = new Map<number, Promise<ItemOutcome>>();
  let coming: Promise<Coming> | undefined = next();
  try {
    while (coming !== undefined || following.size > 0) {
      const mayTake = following.size < followedAtOnce;
      const first: ItemOutcome | Coming = await Promise.race([
        ...(mayTake && coming ? [coming] : []),
        ...following.values(),
      ]);
      if (!('step' in first)) {
        following.delete(first.index);
        yield first;
        continue;
      }
      coming = first.step.done ? undefined : next();
      if (first.step.done) continue;
      const outcome = first.step.value;
      if (outcome.ok && outcome.item.url !== undefined) {
        following.set(outcome.index, follow(outcome));
      } else yield outcome;
    }
  } finally {
    leave();
    // Not waited for: it ends by itself, and nobody wants to know how.
    source.return?.()?.catch(() => {});
  }
}

function linkOf({ url, sha256, sizeBytes }: ContextItem<unknown>): ValueLink | undefined {
  if (url === undefined) return undefined;
  return { url, sha256: sha256 ?? '', sizeBytes: sizeBytes ?? 0 };
}

async function readWhole(link: ValueLink, at: Parameters<typeof readLink>[1]): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of readLink(link, at)) pieces.push(piece);
  return concat(pieces);
}

function signalOf({ deadline, signal }: FollowOptions): AbortSignal {
  const late = AbortSignal.timeout(Math.max(1, Math.ceil(deadline - performance.now())));
  return signal === undefined ? late : AbortSignal.any([late, signal]);
}

function tooLarge({ sizeBytes }: ValueLink, maxValueBytes: number): Refusal {
  const text = `the value has ${sizeBytes} bytes, and at most ${maxValueBytes} are read: raise maxValueBytes, or fetch it with links: 'keep' and read it with readValue`;
  const [code, reason] = [Code.ResourceExhausted, Reason.ITEM_TOO_LARGE];
  return { code, reason, text, offeredVersions: [] };
}

function refused({ ref, index, cache, ageMs }: ItemArrived, refusal: Refusal): ItemOutcome {
  return { ref, index, cache, ageMs, ok: false, refusal };
}
