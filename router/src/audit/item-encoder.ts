import { Action, Effect } from '@weir/sdk/gen/weir/policy/v1/policy_pb';
import type { RecordWriter } from './record-writer.ts';
import type { RecordedItem, RecordedKind } from './recorded.ts';

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
  publish: Action.PUBLISH,
  call: Action.CALL,
  administer: Action.ADMINISTER,
} as const;

/** Writes the items of records. */
export interface ItemEncoder {
  /** Writes an item as a field of a CallRecord. */
  write(out: RecordWriter, item: RecordedItem): void;
}

/** Kinds of items that are remembered: those of one call are of few. */
const KINDS_KEPT = 8;

/**
 * Creates an encoder that remembers the kinds it encoded last: of another item of one of them only the key
 * and size are encoded.
 */
export function createItemEncoder(): ItemEncoder {
  const kinds: EncodedKind[] = [];
  let next = 0;
  /** Of the item before. */
  let last: EncodedKind | undefined;
  const encodedOf = (out: RecordWriter, kind: RecordedKind): EncodedKind => {
    for (const known of kinds) if (isAlike(known.kind, kind)) return known;
    const encoded = encodeKind(out, kind);
    kinds[next] = encoded;
    next = (next + 1) % KINDS_KEPT;
    return encoded;
  };
  return {
    write(out, { kind, key, bytes }) {
      if (last?.kind !== kind) last = encodedOf(out, kind);
      const from = out.open(ITEMS);
      out.raw(last.beforeKey);
      out.text(tags.key, cut(key));
      out.raw(last.afterKey);
      out.number(tags.bytes, bytes);
      out.number(tags.known, kind.known ? 1 : 0);
      out.close(from);
    },
  };
}

/** A kind, and its parts before and after an item's key, encoded: in the order of their fields. */
interface EncodedKind {
  readonly kind: RecordedKind;
  readonly beforeKey: Buffer;
  readonly afterKey: Buffer;
}

/** Whether two kinds tell the same. What is shared is compared by identity. */
function isAlike(a: RecordedKind, b: RecordedKind): boolean {
  return (
    a === b ||
    (a.facts === b.facts &&
      a.type === b.type &&
      a.cache === b.cache &&
      a.reason === b.reason &&
      a.code === b.code &&
      a.effect === b.effect &&
      a.known === b.known &&
      a.action === b.action &&
      areSame(a.rules, b.rules) &&
      areSame(a.redactions, b.redactions) &&
      isSameProvider(a.provider, b.provider))
  );
}

function isSameProvider(a: RecordedKind['provider'], b: RecordedKind['provider']): boolean {
  return a === b || (a?.name === b?.name && a?.version === b?.version && a?.tenant === b?.tenant);
}

function areSame(a: readonly string[], b: readonly string[]): boolean {
  return a === b || (a.length === b.length && a.every((line, at) => line === b[at]));
}

function encodeKind(out: RecordWriter, kind: RecordedKind): EncodedKind {
  const from = out.length;
  out.number(tags.action, actions[kind.action]);
  out.text(tags.type, cut(kind.type));
  const beforeKey = out.cutOff(from);
  encodeAfterKey(out, kind);
  return { kind, beforeKey, afterKey: out.cutOff(from) };
}

function encodeAfterKey(out: RecordWriter, kind: RecordedKind): void {
  const { facts, provider } = kind;
  if (provider) {
    out.text(tags.providerTenant, cut(provider.tenant));
    out.text(tags.provider, cut(provider.name));
    out.text(tags.providerVersion, cut(provider.version));
  }
  out.number(tags.effect, kind.effect === 'allow' ? Effect.ALLOW : Effect.DENY);
  writeLines(out, tags.rules, kind.rules);
  writeLines(out, tags.redactions, kind.redactions);
  if (facts) {
    out.number(tags.sensitivity, facts.sensitivity);
    writeLabels(out, facts.labels);
    out.text(tags.owner, cut(facts.owner));
  }
  out.number(tags.code, kind.code);
  out.number(tags.reason, kind.reason);
  out.number(tags.cache, kind.cache);
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
