import type { ListEntry, ListResponse } from '@weir/sdk/gen/weir/provider/v1/provider_pb';
import { shareOf } from '../gather/bounds.ts';
import { compareText, type Offer } from '../snapshot/catalogue.ts';
import { keyMark, type Position } from './page-token.ts';

/** A page of one source, asked for at a position. */
export interface Page {
  readonly offer: Offer;
  readonly position: Position;
  readonly answer: ListResponse;
}

/** An entry, and whose it is. */
export interface Merged {
  readonly offer: Offer;
  readonly entry: ListEntry;
}

/** The position of a source that has no more. */
export const DONE: Position = { token: '', skip: 0, last: '', done: true };

interface Head {
  readonly page: Page;
  at: number;
}

/**
 * The first entries of all pages, and where each source goes on. Each source's own order holds.
 * The page ends early when a source has more, which nobody has seen yet: it may come first.
 */
export function mergePages(pages: readonly Page[], byScore: boolean, pageSize: number) {
  const heads: Head[] = pages.map((page) => ({ page, at: resumeAt(page) }));
  const open = new Set(heads.filter(hasEntry));
  const entries: Merged[] = [];
  while (entries.length < pageSize && open.size > 0) {
    const head = firstOf(open, byScore);
    entries.push({ offer: head.page.offer, entry: entryOf(head) });
    head.at++;
    if (hasEntry(head)) continue;
    if (head.page.answer.nextPageToken !== '') break;
    open.delete(head);
  }
  return { entries, next: new Map(heads.map((head) => [head.page, positionOf(head)])) };
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
