import { Code } from '@connectrpc/connect';
import type { FoundRecord } from '@weir/sdk/gen/weir/audit/v1/audit_pb';
import type { CallRecord, ItemRecord } from '@weir/sdk/gen/weir/audit/v1/record_pb';
import { CacheStatusSchema, SensitivitySchema } from '@weir/sdk/gen/weir/context/v1/context_pb';
import { ReasonSchema } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { ActionSchema, EffectSchema } from '@weir/sdk/gen/weir/policy/v1/policy_pb';
import { localNameOf, timeText } from './words.ts';

type Column = readonly [
  name: string,
  value: (found: FoundRecord, record: CallRecord, item: ItemRecord | undefined) => string,
];

const columns: readonly Column[] = [
  ['time', (_, { time }) => timeText(time)],
  ['request_id', (_, { requestId }) => requestId],
  ['part', (_, { part }) => String(part)],
  ['calls', (_, { calls }) => String(Math.max(1, calls))],
  ['tenant', (_, { tenant }) => tenant],
  ['principal', (_, { principal }) => principal],
  ['consumer', (_, { consumer }) => consumer],
  ['authentication', (_, { authentication }) => authentication],
  ['credential', (_, { credential }) => credential],
  ['network', (_, { network }) => network],
  ['method', (_, { method }) => method],
  ['target', (_, { target }) => target],
  ['purpose', (_, { purpose }) => purpose],
  ['code', (_, { code }) => codeText(code)],
  ['reason', (_, { reason }) => localNameOf(ReasonSchema, reason)],
  ['action', (_, __, item) => (item ? localNameOf(ActionSchema, item.action) : '')],
  ['type', (_, __, item) => item?.type ?? ''],
  ['key', (_, __, item) => item?.key ?? ''],
  ['provider_tenant', (_, __, item) => item?.providerTenant ?? ''],
  ['provider', (_, __, item) => item?.provider ?? ''],
  ['provider_version', (_, __, item) => item?.providerVersion ?? ''],
  ['effect', (_, __, item) => (item ? localNameOf(EffectSchema, item.effect) : '')],
  ['rules', (_, __, item) => item?.rules.join('; ') ?? ''],
  ['redactions', (_, __, item) => item?.redactions.join('; ') ?? ''],
  ['sensitivity', (_, __, item) => (item ? localNameOf(SensitivitySchema, item.sensitivity) : '')],
  ['owner', (_, __, item) => item?.owner ?? ''],
  ['item_code', (_, __, item) => (item ? codeText(item.code) : '')],
  ['item_reason', (_, __, item) => (item ? localNameOf(ReasonSchema, item.reason) : '')],
  ['cache', (_, __, item) => (item ? localNameOf(CacheStatusSchema, item.cache) : '')],
  ['bytes', (_, __, item) => (item ? String(item.bytes) : '')],
  ['router', (_, { router }) => router],
  ['revision', (_, { revision }) => String(revision)],
  ['chain', ({ chain }) => chain],
  ['position', ({ position }) => String(position)],
  ['hash', ({ hash }) => Buffer.from(hash).toString('hex')],
];

/** The names of the columns. */
export const csvHead = `${columns.map(([name]) => name).join(',')}\r\n`;

/** A record as lines (RFC 4180), one for each item, or one when it has none. */
export function csvOf(found: FoundRecord): string {
  const { record } = found;
  if (!record) return '';
  const items = record.items.length > 0 ? record.items : [undefined];
  return items
    .map((item) => columns.map(([, value]) => cell(value(found, record, item))).join(','))
    .map((line) => `${line}\r\n`)
    .join('');
}

/**
 * A value that a spreadsheet would take for a formula gets an apostrophe before it: see OWASP, "CSV
 * Injection". Keys, purposes and names of agents are anybody's words.
 */
function cell(value: string): string {
  const safe = /^[\s]*[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

function codeText(code: number): string {
  return code === 0 ? 'Ok' : (Code[code] ?? String(code));
}
