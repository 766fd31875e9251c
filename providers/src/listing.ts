import { Code } from '@weir/sdk';
import { type ListEntry, type ListPage, type ListQuery, ProviderError } from '@weir/sdk/provider';
import { rank, type Terms } from './search.ts';

/** Something that can be listed, and found by its words. */
export interface Listed {
  readonly key: string;
  readonly title: string;
  readonly summary: string;
  readonly updateTime?: Date;
  readonly terms: Terms;
}

/**
 * Answers a query from items that stand in the order of their keys. A page token names the last
 * entry of its page, so that pages neither repeat nor skip what was there all along.
 */
export function listPage(items: readonly Listed[], query: ListQuery): ListPage {
  const mine = items.filter(({ key }) => key.startsWith(query.keyPrefix));
  const size = query.pageSize;
  if (query.text.trim() === '') {
    const { key: last } = readToken(query.pageToken);
    const rest = mine.filter(({ key }) => last === undefined || key > last);
    const page = rest.slice(0, size).map((item) => toEntry(item));
    return toPage(page, rest.length > size);
  }
  const { key: last, score: lastScore = 0 } = readToken(query.pageToken);
  const rest = rank(query.text, mine).filter(
    ({ item, score }) =>
      last === undefined || score < lastScore || (score === lastScore && item.key > last),
  );
  const page = rest.slice(0, size).map(({ item, score }) => toEntry(item, score));
  return toPage(page, rest.length > size);
}

function toEntry({ key, title, summary, updateTime }: Listed, score?: number): ListEntry {
  return { key, title, summary, updateTime, score };
}

function toPage(entries: readonly ListEntry[], hasMore: boolean): ListPage {
  const last = entries.at(-1);
  if (!hasMore || !last) return { entries };
  return { entries, nextPageToken: writeToken({ key: last.key, score: last.score }) };
}

interface Mark {
  readonly key?: string | undefined;
  readonly score?: number | undefined;
}

/** Makes a page token of the last entry of a page. */
export function writeToken(mark: Mark): string {
  return Buffer.from(JSON.stringify(mark)).toString('base64url');
}

/**
 * Reads a page token; the mark is empty for an empty token.
 *
 * @throws {ProviderError} with INVALID_ARGUMENT, when the token is not one of ours.
 */
export function readToken(token: string): Mark {
  if (token === '') return {};
  try {
    const { key, score }: Mark = JSON.parse(Buffer.from(token, 'base64url').toString());
    if (typeof key === 'string' && (score === undefined || Number.isFinite(score))) {
      return { key, score };
    }
  } catch {
    // Said below.
  }
  throw new ProviderError(
    Code.InvalidArgument,
    'page_token is not one that this provider gave: begin again without it',
  );
}

/** The beginning of a text on one line, for the summary of an entry. */
export function summarise(text: string): string {
  const line = text.slice(0, 1_000).replace(/\s+/g, ' ').trim();
  if (line.length <= maxSummaryChars) return line;
  const space = line.lastIndexOf(' ', maxSummaryChars);
  const end = space > maxSummaryChars / 2 ? space : maxSummaryChars;
  return `${line.slice(0, end).toWellFormed()}…`;
}

const maxSummaryChars = 160;
