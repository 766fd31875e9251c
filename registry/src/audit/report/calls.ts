import { Code } from '@connectrpc/connect';
import type { CallRecord, ItemRecord } from '@weir/sdk/gen/weir/audit/v1/record_pb';
import { ReasonSchema } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { ActionSchema, Effect } from '@weir/sdk/gen/weir/policy/v1/policy_pb';
import type { Found } from '../find.ts';
import { localNameOf } from '../words.ts';
import { type Html, html, type Part } from './html.ts';
import { type Column, table } from './page.ts';
import type { ReportWords } from './words/words.ts';

const CHAIN_CHARS_SHOWN = 8;

/** A time for people, in UTC to the second; undefined is empty. */
export function shownTime(ms: number | undefined): string {
  if (ms === undefined) return '';
  return new Date(ms).toISOString().slice(0, 19).replace('T', ' ');
}

/** A table of calls, a line for each item. */
export function callTable(
  calls: readonly Found[],
  words: ReportWords,
  rowsMax = Number.POSITIVE_INFINITY,
): Html {
  const { columns } = words;
  const titles: Column[] = [
    { title: columns.time, kind: 'time' },
    { title: columns.who },
    { title: columns.with },
    { title: columns.what },
    { title: columns.decision },
    { title: columns.rules },
    { title: columns.redactions },
    { title: columns.purpose },
    { title: columns.entry },
  ];
  const rows = calls.flatMap((found) => rowsOf(found, words));
  return table(titles, rows.slice(0, rowsMax), words.notes.nothing);
}

function rowsOf(found: Found, words: ReportWords): Part[][] {
  const { record, timeMs, chain, position } = found;
  const head: Part[] = [
    shownTime(timeMs),
    who(record, words),
    lines([record.credential, record.network]),
  ];
  const tail: Part[] = [
    record.purpose,
    html`<code>${chain.slice(0, CHAIN_CHARS_SHOWN)}…/${position}</code>`,
  ];
  const { items } = record;
  if (items.length === 0)
    return [[...head, callText(record), callDecision(record, words), '', '', ...tail]];
  return items.map((item) => [
    ...head,
    itemText(item),
    itemDecision(item, words),
    lines(item.rules),
    lines(item.redactions),
    ...tail,
  ]);
}

function who({ principal, consumer }: CallRecord, { words }: ReportWords): Part {
  return lines([principal || words.nobody, consumer]);
}

function callText({ method, target, calls }: CallRecord): Part {
  const times = calls > 1 ? ` × ${calls}` : '';
  return lines([method.slice(method.lastIndexOf('/') + 1) + times, target]);
}

function callDecision({ code, reason }: CallRecord, { words }: ReportWords): Part {
  if (code === 0) return html`<span class="good">${words.done}</span>`;
  return html`<span class="bad">${words.failed}</span> ${whyText(code, localNameOf(ReasonSchema, reason))}`;
}

function itemText({ action, type, key, provider }: ItemRecord): Part {
  const verb = localNameOf(ActionSchema, action).toLowerCase();
  return html`${verb} <b>${type}/${key}</b>${provider === '' ? '' : html`<br><span class="dim">${provider}</span>`}`;
}

function itemDecision({ effect, code, reason }: ItemRecord, { words }: ReportWords): Part {
  if (effect === Effect.ALLOW && code === 0) return html`<span class="good">${words.given}</span>`;
  return html`<span class="bad">${words.refused}</span> ${whyText(code, localNameOf(ReasonSchema, reason))}`;
}

function whyText(code: number, reason: string): string {
  return reason || (code === 0 ? '' : (Code[code] ?? String(code)));
}

function lines(texts: readonly string[]): Part {
  const kept = texts.filter((text) => text !== '');
  return kept.map((text, at) => (at === 0 ? html`${text}` : html`<br>${text}`));
}
