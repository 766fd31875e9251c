import type { JsonSchema } from '@weir/sdk/provider';
import { wordsOf } from '../../suggest/words.ts';
import type { ListSpec, Pagination } from '../runtime/list.ts';
import type { ArgumentModel } from './requests.ts';

/** What a list is known by. */
export interface ListShape {
  readonly arguments: readonly ArgumentModel[];
  /** Members of the body with their schemas, by JSON Pointer; empty when the body is the list itself. */
  readonly members: ReadonlyMap<string, JsonSchema>;
  /** Whether answers have a header Link. */
  readonly hasLink: boolean;
}

/** How a list is paged, and what shows it. */
export interface RecognisedPagination {
  readonly pagination: Pagination;
  readonly pageSize: ListSpec['pageSize'];
  /** A parameter that has to be true for it. */
  readonly switchedOnBy?: string | undefined;
  readonly reason: string;
}

const sizes = names(
  'per page, page size, limit, size, max results, count, page limit, max items, first, top',
);
const numbers = names('page, page number, page index, p, current page');
const offsets = names('offset, start, skip, start at, start index, from, begin');
const cursors = names(
  'cursor, marker, page token, next token, after, starting after, continuation, continuation token, next cursor, page cursor, next marker, start cursor, bookmark, since id',
);
const nextCursors = names(
  'next cursor, next marker, next page token, next token, cursor, after, continuation, continuation token, marker, end cursor, next page, next, bookmark',
);
const nextUrls = names(
  'next, next url, next page, next page url, next page uri, next uri, next link, next href',
);
const lastKeys = names('starting after, since id');
/** What is asked for when a document states no bound. */
const sizeMax = 100;

/** Recognises how a list is paged, by the names of its parameters and of what it answers. */
export function paginationOf(shape: ListShape): RecognisedPagination {
  const { members, hasLink } = shape;
  const query = shape.arguments.filter(({ where }) => where === 'query');
  const sizeArgument = find(query, sizes, isNumber);
  const max = sizeArgument?.schema.maximum;
  const pageSize = sizeArgument && {
    parameter: sizeArgument.name,
    max: typeof max === 'number' && max >= 1 ? Math.floor(max) : sizeMax,
  };
  const pages = (pagination: Pagination, reason: string) => ({ pagination, pageSize, reason });
  const cursor = find(query, cursors);
  const next = findMember(members, nextCursors, 'cursor');
  if (cursor && next !== undefined) {
    const reason = `the parameter ${cursor.name} takes what the answer holds at ${next}`;
    const on = query.find(({ parameter }) => /^use_?(?:marker|cursor)/i.test(parameter))?.name;
    return {
      ...pages({ kind: 'cursor', parameter: cursor.name, next }, reason),
      ...(on && { switchedOnBy: on }),
    };
  }
  const url = findMember(members, nextUrls, 'url');
  if (url !== undefined) {
    return pages({ kind: 'nextUrl', next: url }, `the answer holds the next address at ${url}`);
  }
  if (hasLink) return pages({ kind: 'link' }, 'the answer has a header Link');
  if (cursor && lastKeys.some((words) => isNamed(cursor.parameter, words))) {
    const reason = `the parameter ${cursor.name} takes the key of the last item`;
    return pages({ kind: 'lastKey', parameter: cursor.name }, reason);
  }
  const offset = find(query, offsets, isNumber);
  if (offset) {
    return pages(
      { kind: 'offset', parameter: offset.name },
      `the parameter ${offset.name} takes how many items to leave out`,
    );
  }
  const page = find(query, numbers, isNumber);
  if (page) {
    const first = page.schema.minimum === 0 || page.schema.default === 0 ? 0 : 1;
    const reason = `the parameter ${page.name} takes the number of a page, from ${first}`;
    return pages({ kind: 'page', parameter: page.name, first }, reason);
  }
  return pages({ kind: 'none' }, 'nothing says how it goes on: it is taken for one page');
}

function names(text: string): readonly (readonly string[])[] {
  return text.split(',').map((name) => name.trim().split(' '));
}

function isNamed(name: string, words: readonly string[]): boolean {
  return wordsOf(name).join(' ') === words.join(' ');
}

function isNumber({ schema }: ArgumentModel): boolean {
  const types = Array.isArray(schema.type) ? schema.type : [schema.type];
  return schema.type === undefined || types.some((type) => type === 'integer' || type === 'number');
}

function find(
  query: readonly ArgumentModel[],
  wanted: readonly (readonly string[])[],
  fits: (one: ArgumentModel) => boolean = () => true,
): ArgumentModel | undefined {
  // `page[number]` and `page.number` have the same words as `page_number`.
  for (const words of wanted) {
    const found = query.find((each) => isNamed(each.parameter, words) && fits(each));
    if (found) return found;
  }
  return undefined;
}

/** A member that is a text, near the top first. An address is told from a cursor by its format or name. */
function findMember(
  members: ReadonlyMap<string, JsonSchema>,
  wanted: readonly (readonly string[])[],
  what: 'url' | 'cursor',
): string | undefined {
  for (const words of wanted) {
    for (const [pointer, schema] of members) {
      const segments = pointer.split('/');
      const last = segments.at(-1) ?? '';
      const isPlace =
        isNamed(last, words) || (last === 'href' && isNamed(segments.at(-2) ?? '', words));
      const types = Array.isArray(schema.type) ? schema.type : [schema.type];
      if (!isPlace || !types.some((type) => type === 'string' || type === undefined)) continue;
      const looksLikeUrl =
        /^ur[il](?:-reference)?$/.test(String(schema.format)) ||
        /ur[il]|href|link/i.test(pointer) ||
        /\bhttps?:/.test(JSON.stringify([schema.examples, schema.default]));
      if ((what === 'url') === looksLikeUrl) return pointer;
    }
  }
  return undefined;
}
