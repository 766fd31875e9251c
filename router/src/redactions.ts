import { type Clock, deriveKey, type Logger, WeirError } from '@weir/kit';
import type { Obligations, Redactor } from '@weir/policy';
import { LRUCache } from 'lru-cache';
import type { BlobStore } from './blobs/blob-store.ts';
import type { Stopped } from './call.ts';
import type { CacheEntry } from './gather/entry.ts';
import { entryWith } from './gather/kept.ts';
import { createInline } from './inline.ts';
import { type Prepared, prepare } from './redaction/instructions.ts';
import { createKeptItems } from './redaction/kept.ts';
import { type EntryToRedact, redactEntry } from './redaction/redact-entry.ts';
import { type RedactedItem, redactItem } from './redaction/redact-item.ts';
import { createSharedWork, type Work } from './redaction/shared-work.ts';
import { openRedactionThreads } from './redaction/threads.ts';
import type { Offer } from './snapshot/catalogue.ts';

/** Items as obligations let them be given out. */
export interface Redactions extends AsyncDisposable {
  /**
   * The entry with what must be hidden hidden, and what was done; the same entry and nothing when there
   * was nothing to hide. A promise only where it takes a thread; it never rejects, and ends with
   * the call that waits.
   */
  of(
    entry: CacheEntry,
    how: Redacting,
    stopped: () => Promise<Stopped>,
  ): Redacted | Promise<Redacted | Stopped>;
  /** Forgets what was made of an item, when the blob store lost the bytes of that. */
  forget(made: CacheEntry): void;
  /** Redacts what is told of items: titles, summaries, messages. */
  redactor(how: Redacting): Redactor;
}

/** By which obligations, for whom. */
export interface Redacting {
  readonly obligations: Obligations;
  readonly offer: Pick<Offer, 'schema'>;
  /** The tenant of the caller: hashes of one tenant tell another nothing. */
  readonly tenant: string;
}

/** What was made of an entry. */
export interface Redaction {
  readonly entry: CacheEntry;
  readonly redactions: readonly string[];
}

/**
 * What became of an entry. `refused`: its form does not allow what is asked, or it takes too much.
 * `lost`: the blob store does not have its bytes any more. An error: it may work later.
 */
export type Redacted = Redaction | 'refused' | 'lost' | WeirError;

type Made = RedactedItem | 'lost' | WeirError;

/**
 * How a value came by what was made of it. `shared`: another call had it made just then.
 * `stopped`: its thread took too long. `failed`: there was no room, or the blob store was away.
 */
export type RedactionResult =
  | 'made'
  | 'kept'
  | 'shared'
  | 'none'
  | 'refused'
  | 'stopped'
  | 'lost'
  | 'failed';

/** What redactions are opened with. */
export interface RedactionsOptions {
  readonly serviceSecret: Uint8Array;
  /** What was made is kept, up to so many bytes. */
  readonly maxBytes: number;
  /** Undefined: no value is large. */
  readonly blobs?: BlobStore | undefined;
  readonly clock: Clock;
  readonly log: Logger;
  /** Told of each result. */
  readonly count?: (result: RedactionResult) => void;
  /** How long one item may take in a thread. Default: 5 s. */
  readonly timeoutMs?: number | undefined;
}

const REDACTORS_MAX = 1_000;
/**
 * The largest item that is redacted on the event loop, by masks and detectors; where hashes or
 * patterns are asked for, smaller ones. One that is made to be slow takes some 20 ms.
 */
const INLINE_MAX_BYTES = 32 * 1024;
/** What all of them may take of the event loop: so much of every window. */
const INLINE_BUDGET_MS = 10;
const INLINE_WINDOW_MS = 50;

/** Opens the redactions of a router; the threads for what is large start with the first. */
export function openRedactions(options: RedactionsOptions): Redactions {
  const { clock, log, blobs, count = () => {} } = options;
  const threads = openRedactionThreads(options);
  const idOf = createIds();
  const preparedFor = createPreparing(options.serviceSecret, idOf);
  const kept = createKeptItems(clock, options.maxBytes);
  const shared = createSharedWork<Made>();
  const inline = createInline(clock, {
    maxBytes: INLINE_MAX_BYTES,
    budgetMs: INLINE_BUDGET_MS,
    windowMs: INLINE_WINDOW_MS,
  });

  const keep = (name: number, made: RedactedItem | 'stopped'): RedactedItem => {
    count(made === 'same' ? 'none' : typeof made === 'object' ? 'made' : made);
    const result = made === 'stopped' ? 'refused' : made;
    kept.set(name, result);
    return result;
  };

  const inThread =
    (name: number, what: EntryToRedact): Work<Made> =>
    async (recall) => {
      try {
        const made = await redactEntry({ threads, blobs }, what, recall);
        if (made !== 'lost') return keep(name, made);
        count('lost');
        return made;
      } catch (error) {
        if (recall.aborted && error === recall.reason) return 'recalled';
        count('failed');
        if (error instanceof WeirError) return error;
        log.error({ err: error }, 'an item could not be redacted');
        return 'refused';
      }
    };

  return {
    redactor: (how) => preparedFor(how).by.redactor,
    of(entry, how, stopped) {
      const { by, number } = preparedFor(how);
      if (by.redactor.isIdle) {
        count('none');
        return { entry, redactions: nothingDone };
      }
      const name = idOf(entry.field) * PREPARED_NUMBERS + number;
      const known = kept.get(name);
      if (known) {
        count(known === 'refused' ? known : 'kept');
        return redactedOf(entry, known);
      }
      if (!entry.large && inline.has(entry.field.length * by.weight)) {
        const item = entry.field.subarray(entry.itemOffset);
        const made = inline.spend(() => redactItem({ item }, by));
        return redactedOf(entry, keep(name, made));
      }
      if (shared.isUnderWay(name)) count('shared');
      const work = inThread(name, { entry, by, tenant: how.tenant });
      return shared
        .join(name, work, stopped)
        .then((made) => (isStopped(made) ? made : redactedOf(entry, made)));
    },
    forget: (made) => kept.forget(made),
    [Symbol.asyncDispose]: () => threads[Symbol.asyncDispose](),
  };
}

/** Obligations made ready, and a number that tells them from others. */
interface Numbered {
  readonly by: Prepared;
  readonly number: number;
}

/** There are never so many in a process that a number comes again while the first is in use. */
const PREPARED_NUMBERS = 2 ** 20;

const nothingDone: readonly string[] = [];

/** Makes obligations ready, once for each set, type version and tenant. */
function createPreparing(serviceSecret: Uint8Array, idOf: (thing: object) => number) {
  const prepared = new LRUCache<string, Numbered>({ max: REDACTORS_MAX });
  let count = 0;
  /** Those of the item before: most items of a call are under the same. */
  let last: { readonly how: Redacting; readonly made: Numbered } | undefined;
  return (how: Redacting): Numbered => {
    const { obligations, offer, tenant } = how;
    if (
      last?.how.obligations === obligations &&
      last.how.offer === offer &&
      last.how.tenant === tenant
    ) {
      return last.made;
    }
    const name = `${tenant}\0${offer.schema ? idOf(offer.schema) : ''}\0${obligations.id}`;
    let made = prepared.get(name);
    if (!made) {
      const hashKey = deriveKey(serviceSecret, `weir redaction hash v1 ${tenant}`);
      count = (count + 1) % PREPARED_NUMBERS;
      made = { by: prepare(obligations, offer, { name, hashKey }), number: count };
      prepared.set(name, made);
    }
    last = { how: { obligations, offer, tenant }, made };
    return made;
  };
}

/** What was made of an entry's bytes, as that entry: others, confirmed anew, share the bytes. */
function redactedOf(entry: CacheEntry, made: Made): Redacted {
  if (made === 'same') return { entry, redactions: nothingDone };
  if (typeof made === 'string' || made instanceof WeirError) return made;
  const { field, itemOffset, facts = entry.facts, redactions } = made;
  return { entry: entryWith(entry, { field, itemOffset, facts }), redactions };
}

function isStopped(made: Made | Stopped): made is Stopped {
  return made === 'late' || made === 'gone';
}

/** Numbers things by their identity. */
function createIds(): (thing: object) => number {
  const ids = new WeakMap<object, number>();
  let last = 0;
  return (thing) => {
    const known = ids.get(thing) ?? ++last;
    ids.set(thing, known);
    return known;
  };
}
