import { fromBinary } from '@bufbuild/protobuf';
import { createRedactor } from '@weir/policy/redactor';
import { ObligationSchema } from '@weir/sdk/gen/weir/policy/v1/policy_pb';
import { LRUCache } from 'lru-cache';
import { type Redactable, type RedactedBy, type RedactedItem, redactItem } from './redact-item.ts';

// What the worker threads of redaction run.

/** By what a thread redacts: all that it is told beside the item. */
export interface Instructions {
  /** Equal for equal obligations, tags and keys. */
  readonly name: string;
  /** The id of the obligations. */
  readonly id: string;
  /** Each an Obligation, encoded. */
  readonly obligations: readonly Uint8Array[];
  /** The pointers of the tags that they name. */
  readonly tags: ReadonlyMap<string, readonly string[]>;
  /** The tenant's. */
  readonly hashKey: Uint8Array;
}

/** What a thread is given. */
export interface RedactJob extends Redactable {
  readonly by: Instructions;
}

const REDACTORS_MAX = 100;
const redactors = new LRUCache<string, RedactedBy>({ max: REDACTORS_MAX });

/** Redacts one item. */
export function doJob({ by, ...item }: RedactJob): RedactedItem {
  try {
    const made = redactItem(item, readyFor(by));
    return typeof made === 'object' && made.value
      ? { ...made, value: inSharedMemory(made.value) }
      : made;
  } catch {
    // Its words may quote the value.
    return 'refused';
  }
}

function readyFor({ name, id, obligations, tags, hashKey }: Instructions): RedactedBy {
  const known = redactors.get(name);
  if (known) return known;
  const list = obligations.map((bytes) => fromBinary(ObligationSchema, bytes));
  const redactor = createRedactor({ list }, { tagged: (tag) => tags.get(tag) ?? [], hashKey });
  const ready = { redactor, id, hashKey };
  redactors.set(name, ready);
  return ready;
}

/** What lies there goes to another thread without being copied. */
function inSharedMemory(bytes: Uint8Array): Uint8Array {
  const shared = new Uint8Array(new SharedArrayBuffer(bytes.length));
  shared.set(bytes);
  return shared;
}
