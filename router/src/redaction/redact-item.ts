import { createHmac } from 'node:crypto';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import type { ItemFacts, Redactor } from '@weir/policy';
import { type Item, ItemSchema } from '@weir/sdk/gen/weir/context/v1/context_pb';
import { encodeField } from '../gather/entry.ts';

/** An item that is to be redacted. */
export interface Redactable {
  /** The Item, encoded. */
  readonly item: Uint8Array;
  /** The bytes of its value, where the Item does not hold them. */
  readonly value?: Uint8Array | undefined;
}

/** By what it is redacted. */
export interface RedactedBy {
  readonly redactor: Redactor;
  /** The id of the obligations. */
  readonly id: string;
  /** The tenant's. */
  readonly hashKey: Uint8Array;
}

/** What was made of an item: what of a CacheEntry becomes another, and what was done. */
export interface RemadeItem {
  readonly field: Uint8Array;
  readonly itemOffset: number;
  /** Undefined: as they were. */
  readonly facts: ItemFacts | undefined;
  readonly redactions: readonly string[];
  /** The value, where the Item does not hold it; undefined: nothing had to be hidden in it. */
  readonly value?: Uint8Array;
}

/** `same`: nothing had to be hidden. `refused`: its form does not allow it. */
export type RedactedItem = RemadeItem | 'same' | 'refused';

const ETAG_CHARS = 32;

/** Redacts an item: its value, and all that stands beside it. Pure. */
export function redactItem({ item: bytes, value }: Redactable, by: RedactedBy): RedactedItem {
  const item = fromBinary(ItemSchema, bytes);
  const held = item.body.case === 'payload' ? item.body.value : undefined;
  const whole = value ?? held;
  if (whole === undefined) return 'refused';
  const redacted = by.redactor.value(whole, item.contentType);
  if (!redacted) return 'refused';
  const told = toldOf(item, by.redactor);
  const { payload, changes } = redacted;
  if (payload === whole && told === undefined) return 'same';
  const changed = create(ItemSchema, {
    ...item,
    ...told,
    ...(held && { body: { case: 'payload', value: payload } }),
    etag: item.etag === '' ? '' : tagOf(item.etag, by),
  });
  const { sensitivity, labels, owner } = changed;
  return {
    ...encodeField(toBinary(ItemSchema, changed)),
    facts: told && { sensitivity, labels, owner },
    redactions: told ? [...changes, 'redact labels'] : changes,
    ...(value && payload !== whole && { value: payload }),
  };
}

/** Equal tags mean equal values: this one is another. The provider's may be made of the value. */
function tagOf(etag: string, { hashKey, id }: RedactedBy): string {
  const tag = createHmac('sha256', hashKey).update(`${etag}\0${id}`).digest('hex');
  return tag.slice(0, ETAG_CHARS);
}

/** What stands beside a value: labels, owner and source; undefined when nothing had to go. */
function toldOf(item: Item, redactor: Redactor): Partial<Item> | undefined {
  const owner = redactor.text(item.owner);
  const source = redactor.text(item.provenance?.source ?? '');
  const labels = Object.fromEntries(
    Object.entries(item.labels).map(([name, value]) => [name, redactor.text(value, name)]),
  );
  const same =
    owner === item.owner &&
    source === (item.provenance?.source ?? '') &&
    Object.entries(labels).every(([name, value]) => item.labels[name] === value);
  if (same) return undefined;
  return { owner, labels, ...(item.provenance && { provenance: { ...item.provenance, source } }) };
}
