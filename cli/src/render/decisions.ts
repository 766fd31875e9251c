import type { ContextRef } from '@weir/sdk/gen/weir/context/v1/context_pb';
import {
  ActionSchema,
  Effect,
  type Fields,
  type Obligation,
} from '@weir/sdk/gen/weir/policy/v1/policy_pb';
import type { Decision, DiffPoliciesResponse } from '@weir/sdk/gen/weir/policy/v1/service_pb';
import { painter } from '../terminal.ts';
import { enumText, refText } from './names.ts';
import { renderTable, type Screen } from './table.ts';
import { count, oneLine } from './text.ts';
import { formatDuration, formatTime } from './time.ts';

/** Renders what was decided of each ref, and why. */
export function renderDecisions(
  refs: readonly ContextRef[],
  decisions: readonly Decision[],
  screen: Screen,
): string {
  return refs.map((ref, at) => renderDecision(ref, decisions[at], screen)).join('');
}

function renderDecision(ref: ContextRef, decision: Decision | undefined, screen: Screen): string {
  const paint = painter(screen);
  const name = paint('bold', oneLine(refText(ref)));
  if (decision === undefined) return `${name}: not decided\n`;
  const allowed = decision.effect === Effect.ALLOW;
  const word = allowed ? paint('green', 'allowed') : paint('red', 'denied');
  return `${word} ${name}\n${renderReasons(decision)}`;
}

/** Renders why it was decided so: a line for each part, indented. */
export function renderReasons({ rules, obligations, text, reads }: Decision): string {
  const lines = [
    oneLine(text),
    rules.length === 0 ? '' : `rules  ${rules.map(oneLine).join(', ')}`,
    ...obligations.map((obligation) => `with   ${obligationText(obligation)}`),
    reads.length === 0 ? '' : `reads  ${reads.map(oneLine).join(', ')}`,
  ];
  return lines
    .filter((line) => line !== '')
    .map((line) => `  ${line}\n`)
    .join('');
}

/** An obligation in a few words, such as `mask /salary, #pii`. */
export function obligationText({ kind }: Obligation): string {
  switch (kind.case) {
    case 'mask':
    case 'hash':
    case 'drop':
      return `${kind.case} ${fieldsText(kind.value.fields)}`;
    case 'truncate':
      return `truncate ${fieldsText(kind.value.fields)} to ${kind.value.characters}`;
    case 'redact': {
      const { detectors, patterns } = kind.value;
      const what = [...detectors, ...patterns.map(({ name }) => name)].map(oneLine).join(', ');
      return `redact ${what} in ${fieldsText(kind.value.fields)}`;
    }
    case 'capAge':
      return `no older than ${formatDuration(kind.value.age)}`;
    case 'requirePurpose':
      return `for the purpose ${kind.value.purposes.map(oneLine).join(' or ')}`;
    case undefined:
      return 'something that this program does not know';
    default:
      return kind satisfies never;
  }
}

function fieldsText(fields: Fields | undefined): string {
  const { pointers = [], tags = [] } = fields ?? {};
  const all = [...pointers.map((each) => each || 'the whole'), ...tags.map((tag) => `#${tag}`)];
  return all.length === 0 ? 'the whole' : all.map(oneLine).join(', ');
}

/** Renders what policies would have changed. */
export function renderDiff(answer: DiffPoliciesResponse, screen: Screen): string {
  const { changes, items, changedItems, undecidedItems, oldest } = answer;
  const since = oldest ? ` since ${formatTime(oldest)}` : '';
  const undecided =
    undecidedItems > 0n ? ` ${undecidedItems} could not be decided from their records.` : '';
  const summary = `${changedItems} of ${count(Number(items), 'item')}${since} would be decided otherwise.${undecided}\n`;
  if (changes.length === 0) return summary;
  const columns = [
    { title: 'items', right: true },
    { title: 'principal', shrinks: true },
    { title: 'action' },
    { title: 'type' },
    { title: 'before', shrinks: true },
    { title: 'after', shrinks: true },
    { title: 'keys', shrinks: true },
  ];
  const rows = changes.map((change) => [
    String(change.items),
    change.principal,
    enumText(ActionSchema, change.action),
    change.type,
    decisionText(change.before),
    decisionText(change.after),
    change.keys.join(', '),
  ]);
  return `${renderTable(columns, rows, screen)}${summary}`;
}

/** A decision on one line, such as `allowed by starter/everybody with mask /salary`. */
function decisionText(decision: Decision | undefined): string {
  if (decision === undefined) return '';
  const { effect, rules, obligations } = decision;
  const by = rules.length === 0 ? '' : ` by ${rules.join(', ')}`;
  const bound = obligations.map(obligationText).join('; ');
  return `${effect === Effect.ALLOW ? 'allowed' : 'denied'}${by}${bound === '' ? '' : ` with ${bound}`}`;
}
