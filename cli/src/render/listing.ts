import type { ContextEntry, ListGap } from '@weir/sdk/gen/weir/router/v1/router_pb';
import { painter } from '../terminal.ts';
import { reasonName, refText } from './names.ts';
import { renderTable, type Screen } from './table.ts';
import { count, oneLine } from './text.ts';
import { formatTime } from './time.ts';

/** What there is to fetch, as far as it was asked for. */
export interface Listing {
  readonly entries: readonly ContextEntry[];
  readonly gaps: readonly ListGap[];
  /** Whether there is more than was asked for. */
  readonly more: boolean;
}

/** Renders what there is to fetch, and what is missing from the list. */
export function renderListing(listing: Listing, screen: Screen): string {
  const { entries, gaps, more } = listing;
  const table = entries.length === 0 ? '' : renderEntries(entries, screen);
  const tail = more ? '; there are more: raise --limit' : '';
  const nothing = gaps.length === 0 ? 'Nothing to list.' : 'Nothing else to list.';
  const total = entries.length === 0 ? nothing : `${countEntries(entries.length)}${tail}.`;
  return `${table}${renderGaps(gaps, screen)}${painter(screen)('dim', total)}\n`;
}

function countEntries(number: number): string {
  return number === 1 ? '1 entry' : `${number} entries`;
}

function renderEntries(entries: readonly ContextEntry[], screen: Screen): string {
  const scored = entries.some((entry) => entry.score > 0);
  const columns = [
    { title: 'score', right: true },
    { title: 'ref', shrinks: true },
    { title: 'provider' },
    { title: 'title', shrinks: true },
    { title: 'updated' },
  ];
  const rows = entries.map((entry) => [
    scored ? entry.score.toFixed(2) : '',
    entry.ref === undefined ? '' : refText(entry.ref),
    entry.ref?.provider ?? '',
    entry.title,
    formatTime(entry.updateTime),
  ]);
  return renderTable(columns, rows, screen);
}

function renderGaps(gaps: readonly ListGap[], screen: Screen): string {
  if (gaps.length === 0) return '';
  const paint = painter(screen);
  const lines = gaps.map((gap) => {
    const why = gap.refusal;
    const text = why === undefined ? '' : `: ${reasonName(why.reason)}: ${oneLine(why.text)}`;
    return `  ${oneLine(gap.provider)} (${oneLine(gap.type)})${text}\n`;
  });
  return `${paint('yellow', `The list is without ${count(gaps.length, 'part')}:`)}\n${lines.join('')}`;
}
