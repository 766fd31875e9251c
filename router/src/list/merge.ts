import type { ListEntry, ListResponse } from '@weir/sdk/gen/weir/provider/v1/provider_pb';
import { shareOf } from '../gather/bounds.ts';
import { compareText, type Offer } from '../snapshot/catalogue.ts';
import { keyMark, type Position } from './page-token.ts';
import type { Listed } from './show.ts';

/** A page of one source, asked for at a position. */
export interface Page {
  readonly offer: Offer;
  readonly position: Position;
  readonly answer: ListResponse;
}

/** What was taken of pages. */
export interface Merged {
  /** What was decided on, in order. */
  readonly looked: readonly Listed[];
  /** How many of these may be shown. */
  readonly shown: number;
  /** Where each source goes on. */
  readonly next: ReadonlyMap<Page, Position>;
}

/** How much is taken. */
export interface Taking {
  /** The entries to be shown, at most. */
  readonly room: number;
  /** The entries to be decided on, at most. */
  readonly lookMax: number;
  readonly show: (offer: Offer, entry: ListEntry) => Listed;
}

/** The position of a source that nothing was taken of. */
export const START: Position = { token: '', skip: 0, last: '', done: false };
/** The position of a source that has no more. */
export const DONE: Position = { token: '', skip: 0, last: '', done: true };

interface Head {
  readonly page: Page;
  at: number;
}

/**
 * The first entries of all pages, up to the first that may be shown and finds no room, and where each
 * source goes on. Each source's own order holds. It ends early when a source has more, which nobody
 * has seen yet: it may come first.
 */
export function mergePages(
  pages: readonly Page[],
  byScore: boolean,
  { room, lookMax, show }: Taking,
): Merged {
  const heads: Head[] = pages.map((page) => ({ page, at: resumeAt(page) }));
  const open = new Set(heads.filter(hasEntry));
  const looked: Listed[] = [];
  let shown = 0;
  while (looked.length < lookMax && open.size > 0) {
    const head = firstOf(open, byScore);
    const one = show(head.page.offer, entryOf(head));
    if (one.entry && shown === room) break;
    if (one.entry) shown++;
    looked.push(one);
    head.at++;
    if (hasEntry(head)) continue;
    if (head.page.answer.nextPageToken !== '') break;
    open.delete(head);
  }
  return { looked, shown, next: new Map(heads.map((head) => [head.page, positionOf(head)])) };
}

/** After the entry that was taken last, wherever it now is; else after as many as were taken. */
function resumeAt({ position, answer: { entries } }: Page): number {
  const { skip, last } = position;
  const isLast = (entry: ListEntry | undefined) => entry && keyMark(entry.key) === last;
  if (last === '' || isLast(entries[skip - 1])) return skip;
  const at = entries.findIndex(isLast);
  return at < 0 ? skip : at + 1;
}

function hasEntry({ page, at }: Head): boolean {
  return at < page.answer.entries.length;
}

function entryOf({ page, at }: Head): ListEntry {
  return page.answer.entries[at] as ListEntry;
}

function firstOf(heads: Iterable<Head>, byScore: boolean): Head {
  let first: Head | undefined;
  for (const head of heads) if (!first || compare(head, first, byScore) < 0) first = head;
  return first as Head;
}

function compare(a: Head, b: Head, byScore: boolean): number {
  const [one, other] = [entryOf(a), entryOf(b)];
  if (byScore) return (shareOf(other.score) ?? 0) - (shareOf(one.score) ?? 0);
  return compareText(a.page.offer.type, b.page.offer.type) || compareText(one.key, other.key);
}

function positionOf({ page: { position, answer }, at }: Head): Position {
  if (at < answer.entries.length) {
    const last = answer.entries[at - 1];
    return { ...position, skip: at, last: last ? keyMark(last.key) : '' };
  }
  if (answer.nextPageToken === '') return DONE;
  return { token: answer.nextPageToken, skip: 0, last: '', done: false };
}
