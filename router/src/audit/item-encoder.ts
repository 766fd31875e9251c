import type { ItemFacts } from '@weir/policy';
import { Action, Effect } from '@weir/sdk/gen/weir/policy/v1/policy_pb';
import type { RecordWriter } from './record-writer.ts';
import type { RecordedItem } from './recorded.ts';

/** The labels of an item that are recorded, in bytes of their names and values. */
export const LABELS_MAX_BYTES = 1024;
/** The names of rules, and what was done to the value, that are recorded of an item. */
export const LINES_MAX_BYTES = 2048;
/** Any other text that is recorded, in characters. */
export const TEXT_MAX_CHARS = 1024;

/** Stands for what was left out, since there was too much of it. */
const MORE = '…';

/** Field numbers of CallRecord and ItemRecord, as they stand on the wire. */
const ITEMS = (17 << 3) | 2;
const tags = {
  action: 1 << 3,
  type: (2 << 3) | 2,
  key: (3 << 3) | 2,
  providerTenant: (4 << 3) | 2,
  provider: (5 << 3) | 2,
  providerVersion: (6 << 3) | 2,
  effect: 7 << 3,
  rules: (8 << 3) | 2,
  redactions: (9 << 3) | 2,
  sensitivity: 10 << 3,
  labels: (11 << 3) | 2,
  labelName: (1 << 3) | 2,
  labelValue: (2 << 3) | 2,
  owner: (12 << 3) | 2,
  code: 13 << 3,
  reason: 14 << 3,
  cache: 15 << 3,
  bytes: 16 << 3,
  known: 17 << 3,
} as const;

const actions = {
  fetch: Action.FETCH,
  list: Action.LIST,
  subscribe: Action.SUBSCRIBE,
  call: Action.CALL,
  administer: Action.ADMINISTER,
} as const;

/** Writes the items of records. */
export interface ItemEncoder {
  /** Writes an item as a field of a CallRecord. */
  write(out: RecordWriter, item: RecordedItem): void;
}

/** Creates an encoder that remembers, for each set of facts, the item it encoded last. */
export function createItemEncoder(): ItemEncoder {
  const last = new WeakMap<ItemFacts, { readonly item: RecordedItem; readonly field: Buffer }>();
  return {
    write(out, item) {
      const { facts } = item;
      const known = facts && last.get(facts);
      if (known && isSame(known.item, item)) {
        out.raw(known.field);
        return;
      }
      const from = out.length;
      encodeItem(out, item);
      if (facts) last.set(facts, { item, field: out.copy(from) });
    },
  };
}

function isSame(a: RecordedItem, b: RecordedItem): boolean {
  return (
    areSame(a.rules, b.rules) &&
    areSame(a.redactions, b.redactions) &&
    a.provider?.name === b.provider?.name &&
    a.provider?.version === b.provider?.version &&
    a.provider?.tenant === b.provider?.tenant &&
    a.effect === b.effect &&
    a.cache === b.cache &&
    a.bytes === b.bytes &&
    a.code === b.code &&
    a.reason === b.reason &&
    a.known === b.known &&
    a.action === b.action &&
    a.key === b.key &&
    a.type === b.type
  );
}

function areSame(a: readonly string[], b: readonly string[]): boolean {
  return a === b || (a.length === b.length && a.every((line, at) => line === b[at]));
}

function encodeItem(out: RecordWriter, item: RecordedItem): void {
  const { facts, provider } = item;
  const from = out.open(ITEMS);
  out.number(tags.action, actions[item.action]);
  out.text(tags.type, cut(item.type));
  out.text(tags.key, cut(item.key));
  if (provider) {
    out.text(tags.providerTenant, cut(provider.tenant));
    out.text(tags.provider, cut(provider.name));
    out.text(tags.providerVersion, cut(provider.version));
  }
  out.number(tags.effect, item.effect === 'allow' ? Effect.ALLOW : Effect.DENY);
  writeLines(out, tags.rules, item.rules);
  writeLines(out, tags.redactions, item.redactions);
  if (facts) {
    out.number(tags.sensitivity, facts.sensitivity);
    writeLabels(out, facts.labels);
    out.text(tags.owner, cut(facts.owner));
  }
  out.number(tags.code, item.code);
  out.number(tags.reason, item.reason);
  out.number(tags.cache, item.cache);
  out.number(tags.bytes, item.bytes);
  out.number(tags.known, item.known ? 1 : 0);
  out.close(from);
}

/** As many whole lines as there is room for. */
function writeLines(out: RecordWriter, tag: number, lines: readonly string[]): void {
  let left = LINES_MAX_BYTES;
  for (const line of lines) {
    left -= Buffer.byteLength(line);
    if (left < 0) {
      out.line(tag, MORE);
      return;
    }
    out.line(tag, line);
  }
}

/** As many whole labels as there is room for; then one that says how many were left out. */
function writeLabels(out: RecordWriter, labels: Readonly<Record<string, string>>): void {
  let left = LABELS_MAX_BYTES;
  let leftOut = 0;
  for (const name in labels) {
    const value = labels[name] ?? '';
    left -= Buffer.byteLength(name) + Buffer.byteLength(value);
    if (left < 0) leftOut += 1;
    else writeLabel(out, name, value);
  }
  if (leftOut > 0) writeLabel(out, MORE, `${leftOut} more`);
}

function writeLabel(out: RecordWriter, name: string, value: string): void {
  const from = out.open(tags.labels);
  out.line(tags.labelName, name);
  out.line(tags.labelValue, value);
  out.close(from);
}

/** A text that is short enough to be recorded. */
export function cut(text: string): string {
  return text.length <= TEXT_MAX_CHARS ? text : `${text.slice(0, TEXT_MAX_CHARS - 1)}${MORE}`;
}
