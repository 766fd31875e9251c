import type {
  ContextRef,
  Item,
  ItemResult,
  Refusal,
} from '@weir/sdk/gen/weir/context/v1/context_pb';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { painter } from '../terminal.ts';
import { cacheText, reasonName, refText } from './names.ts';
import type { Screen } from './table.ts';
import { count, indent, oneLine } from './text.ts';
import { formatDuration, formatMs } from './time.ts';
import { cutToRows, readValue, renderValue } from './value.ts';

const INDENT = '  ';
const LEAST_VALUE_ROWS = 6;
/** Rows that an outcome takes besides its value: heading, facts, and the empty line after it. */
const FRAME_ROWS = 3;

/** What became of one ref. */
export interface Outcome {
  readonly ref: ContextRef;
  readonly result: ItemResult;
}

/** Renders what became of one ref, with its value. `sharers` outcomes share the screen. */
export function renderOutcome(outcome: Outcome, screen: Screen, sharers: number): string {
  const { result } = outcome;
  const head = renderOutcomeHead(outcome, screen);
  if (result.outcome.case !== 'item') return head;
  const value = renderValue(readValue(result.outcome.value));
  if (value === '') return head;
  return `${head}${indent(cutForScreen(value, screen, sharers), INDENT)}\n`;
}

/** Renders what became of one ref, without its value. */
export function renderOutcomeHead({ ref, result }: Outcome, screen: Screen): string {
  const paint = painter(screen);
  const name = paint('bold', oneLine(refText(ref)));
  const { outcome } = result;
  if (outcome.case === 'item') {
    const facts = paint('dim', describeItem(outcome.value, result));
    return `${paint('green', 'ok')} ${name}\n${INDENT}${facts}\n`;
  }
  const lines = describeRefusal(outcome.value, ref).map((line) => `${INDENT}${line}\n`);
  return `${paint('red', 'refused')} ${name}\n${lines.join('')}`;
}

/** The last line of a fetch: time taken and counts. */
export function renderTotals(
  outcomes: readonly { readonly result: ItemResult }[],
  timeMs: number,
): string {
  const refused = outcomes.filter(isRefused).length;
  const served = outcomes.length - refused;
  const tail = refused === 0 ? '' : `, ${refused} refused`;
  return `${served} of ${count(outcomes.length, 'item')} in ${formatMs(timeMs)}${tail}.\n`;
}

/** Whether a ref was refused. */
export function isRefused(outcome: { readonly result: ItemResult }): boolean {
  return outcome.result.outcome.case !== 'item';
}

/** What can be done about a refusal, beyond what its text says. */
export function mendFor(reason: Reason, ref: ContextRef): string {
  switch (reason) {
    case Reason.TYPE_UNKNOWN:
      return 'See `weir type list`.';
    case Reason.KEY_NOT_FOUND:
    case Reason.NOT_FOUND:
      return ref.type === '' ? '' : `See \`weir list ${oneLine(ref.type)}\`.`;
    case Reason.PROVIDER_UNKNOWN:
    case Reason.PROVIDER_UNAVAILABLE:
      return 'See `weir provider list`.';
    case Reason.DEADLINE_EXCEEDED:
      return 'Give it more time with --timeout or --item-timeout.';
    case Reason.PURPOSE_REQUIRED:
      return 'State one with --purpose.';
    case Reason.RESPONSE_BUDGET:
      return 'Ask for it in a smaller batch.';
    default:
      return '';
  }
}

function describeItem(item: Item, result: ItemResult): string {
  const from = item.provenance;
  const facts = [
    from === undefined ? '' : `${from.provider}@${from.providerVersion}`,
    from?.source ?? '',
    cacheText(result.cache),
    `age ${formatDuration(result.age)}`,
    item.contentType,
    result.redacted ? 'redacted' : '',
  ];
  return facts
    .map(oneLine)
    .filter((fact) => fact !== '')
    .join(' · ');
}

function describeRefusal(refusal: Refusal | undefined, ref: ContextRef): string[] {
  if (refusal === undefined) return ['The answer holds neither an item nor a reason.'];
  const said = `${reasonName(refusal.reason)}: ${oneLine(refusal.text)}`;
  const versions = refusal.offeredVersions.map(oneLine).join(', ');
  const retry = refusal.retryDelay;
  const mends = [
    versions === '' || said.includes(versions) ? '' : `On offer: ${versions}.`,
    retry === undefined ? '' : `Try again in ${formatDuration(retry)}.`,
    mendFor(refusal.reason, ref),
  ].filter((mend) => mend !== '' && !refusal.text.includes(mend));
  return mends.length === 0 ? [said] : [said, mends.join(' ')];
}

function cutForScreen(value: string, screen: Screen, sharers: number): string {
  if (screen.rows === undefined || screen.columns === undefined) return value;
  const share = Math.floor((screen.rows - 2) / Math.max(1, sharers)) - FRAME_ROWS;
  return cutToRows(value, {
    rows: Math.max(LEAST_VALUE_ROWS, share),
    columns: screen.columns - INDENT.length,
  });
}
