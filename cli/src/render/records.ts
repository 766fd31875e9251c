import type { FoundRecord } from '@weir/sdk/gen/weir/audit/v1/audit_pb';
import type { CallRecord, ItemRecord } from '@weir/sdk/gen/weir/audit/v1/record_pb';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { ActionSchema, Effect } from '@weir/sdk/gen/weir/policy/v1/policy_pb';
import { enumText, reasonName } from './names.ts';
import { renderTable, type Screen } from './table.ts';
import { count } from './text.ts';
import { formatTime } from './time.ts';

/** Renders records, a line for each item, newest first. */
export function renderRecords(
  found: { readonly records: readonly FoundRecord[]; readonly more: boolean },
  screen: Screen,
): string {
  const { records, more } = found;
  if (records.length === 0) return 'No calls.\n';
  const columns = [
    { title: 'time' },
    { title: 'who', shrinks: true },
    { title: 'what', shrinks: true },
    { title: 'decision' },
    { title: 'rules', shrinks: true },
    { title: 'redactions', shrinks: true },
    { title: 'purpose', shrinks: true },
    { title: 'request' },
  ];
  const rows = records.flatMap(({ record }) => (record ? rowsOf(record) : []));
  const total = more
    ? `The newest ${count(records.length, 'call')}; there are more: raise --limit.`
    : `${count(records.length, 'call')}.`;
  return `${renderTable(columns, rows, screen)}${total}\n`;
}

function rowsOf(record: CallRecord): string[][] {
  const head = [formatTime(record.time), whoOf(record)];
  const tail = [record.purpose, record.requestId];
  if (record.items.length === 0) {
    return [[...head, callText(record), decisionOf(record, 'done'), '', '', ...tail]];
  }
  return record.items.map((item) => [
    ...head,
    `${enumText(ActionSchema, item.action)} ${item.type}/${item.key}`,
    itemDecision(item),
    item.rules.join(', '),
    item.redactions.join(', '),
    ...tail,
  ]);
}

function whoOf({ principal, consumer }: CallRecord): string {
  if (principal === '') return 'nobody';
  return consumer === '' ? principal : `${principal} as ${consumer}`;
}

function callText({ method, target, calls }: CallRecord): string {
  const name = method.slice(method.lastIndexOf('/') + 1);
  return [name, target, calls > 1 ? `× ${calls}` : ''].filter((part) => part !== '').join(' ');
}

function itemDecision(item: ItemRecord): string {
  if (item.effect === Effect.DENY) return `denied ${reasonText(item)}`.trim();
  return decisionOf(item, 'given');
}

function decisionOf(outcome: Pick<ItemRecord, 'code' | 'reason'>, fine: string): string {
  return outcome.code === 0 ? fine : `refused ${reasonText(outcome)}`.trim();
}

function reasonText({ reason }: Pick<ItemRecord, 'reason'>): string {
  return reason === Reason.UNSPECIFIED || reason === Reason.DENIED ? '' : reasonName(reason);
}
