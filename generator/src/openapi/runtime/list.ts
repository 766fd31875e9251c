import {
  Code,
  type ListEntry,
  type ListPage,
  type ListQuery,
  ProviderError,
} from '@weir/sdk/provider';
import type { Api } from './api.ts';
import { keyOf, partsOf } from './keys.ts';
import type { Arguments, RequestSpec } from './request.ts';
import type { Incoming } from './send.ts';

/** How an API tells where its next page begins. */
export type Pagination =
  /** It gives all at once. */
  | { readonly kind: 'none' }
  /** Pages have numbers. */
  | { readonly kind: 'page'; readonly parameter: string; readonly first: number }
  /** Items have positions. */
  | { readonly kind: 'offset'; readonly parameter: string }
  /** The body holds what to ask for next. */
  | { readonly kind: 'cursor'; readonly parameter: string; readonly next: string }
  /** The key of the last item is what to ask for next. */
  | { readonly kind: 'lastKey'; readonly parameter: string }
  /** The body holds the address of the next page. */
  | { readonly kind: 'nextUrl'; readonly next: string }
  /** The header Link holds it. */
  | { readonly kind: 'link' };

/** How a type is listed. */
export interface ListSpec {
  readonly request: RequestSpec;
  /** Where the items stand in the body: a JSON Pointer; empty for the body itself. */
  readonly items: string;
  /** Members of an item that its key is made of, behind what stands for `parents`. */
  readonly keyFields: readonly string[];
  /** Parameters of the list's own path: the first parts of each key, given as the prefix of a list. */
  readonly parents: readonly string[];
  readonly pagination: Pagination;
  /** The parameter for the size of a page, and the largest that the API takes. */
  readonly pageSize?: { readonly parameter: string; readonly max: number } | undefined;
  /** The parameter that the API searches by. Left out: what was got is searched here. */
  readonly searchParameter?: string | undefined;
  /** Members of an item to show. */
  readonly titleField?: string | undefined;
  readonly summaryField?: string | undefined;
}

const summaryMaxChars = 300;

/** Lists keys of a type. */
export function listItems(api: Api, spec: ListSpec): (query: ListQuery) => Promise<ListPage> {
  return async (query) => {
    const parents = parentsOf(spec, query.keyPrefix);
    const place = readToken(query.pageToken);
    const size = Math.min(query.pageSize, spec.pageSize?.max ?? query.pageSize);
    const values = {
      ...Object.fromEntries(spec.parents.map((name, index) => [name, parents[index]])),
      ...(spec.pageSize && { [spec.pageSize.parameter]: size }),
      ...(spec.searchParameter && query.text !== '' && { [spec.searchParameter]: query.text }),
    };
    const answer = await ask(api, spec, { values, at: place.at, signal: query.signal });
    if (answer.status === 404 || answer.status === 410) return { entries: [] };
    const body = readJson(answer);
    const items = listAt(body, spec.items);
    const entries = items.flatMap((item) => entryOf(spec, parents, item));
    const rest = entries.slice(place.skip);
    // What the API sends at once may be more than was asked for: the rest is the next page.
    if (rest.length > query.pageSize) {
      const next = writeToken({ at: place.at, skip: place.skip + query.pageSize });
      return { entries: fitting(spec, rest.slice(0, query.pageSize), query), nextPageToken: next };
    }
    const at = nextOf(spec, { answer, body, at: place.at, size, items, last: entries.at(-1)?.key });
    return {
      entries: fitting(spec, rest, query),
      ...(at !== undefined && at !== place.at && { nextPageToken: writeToken({ at, skip: 0 }) }),
    };
  };
}

/** Where a list goes on: at the API, and behind how many items of that page. */
interface Place {
  readonly at: string;
  readonly skip: number;
}

function readToken(token: string): Place {
  if (token === '') return { at: '', skip: 0 };
  const [, skip, at] = /^(\d{1,9}):(.*)$/s.exec(token) ?? [];
  if (skip === undefined || at === undefined) {
    throw new ProviderError(Code.InvalidArgument, 'the page token is none of this provider');
  }
  return { at, skip: Number(skip) };
}

function writeToken({ at, skip }: Place): string {
  return `${skip}:${at}`;
}

/** The values of the list's own parameters, which a prefix has to hold whole. */
function parentsOf({ parents }: ListSpec, keyPrefix: string): readonly string[] {
  if (parents.length === 0) return [];
  const given = keyPrefix.split('/').slice(0, parents.length);
  const isWhole = keyPrefix.split('/').length > parents.length && !given.includes('');
  const values = isWhole ? partsOf([...given, ''].join('/'), parents.length + 1) : undefined;
  if (values) return values.slice(0, parents.length);
  const form = parents.map((name) => `<${name}>/`).join('');
  throw new ProviderError(Code.InvalidArgument, `this type is listed by the key prefix ${form}`);
}

function ask(
  api: Api,
  { request, pagination }: ListSpec,
  { values, at, signal }: { values: Arguments; at: string; signal: AbortSignal },
): Promise<Incoming> {
  const options = { signal };
  if (at === '') return api.call(request, values, options);
  // Some call it a cursor and give an address.
  if (/^https?:\/\//.test(at)) return api.follow(request, at, options);
  switch (pagination.kind) {
    case 'nextUrl':
    case 'link':
      return api.follow(request, at, options);
    case 'none':
      return api.call(request, values, options);
    default:
      return api.call(request, { ...values, [pagination.parameter]: at }, options);
  }
}

interface Page {
  readonly answer: Incoming;
  readonly body: unknown;
  /** Where this page began. */
  readonly at: string;
  /** The size that was asked for. */
  readonly size: number;
  readonly items: readonly unknown[];
  /** The key of its last item. */
  readonly last: string | undefined;
}

/** Where the next page begins; undefined: this is the last one. */
function nextOf({ pagination, pageSize }: ListSpec, page: Page): string | undefined {
  const { answer, body, at, size, items, last } = page;
  const isFull = items.length > 0 && (pageSize === undefined || items.length >= size);
  switch (pagination.kind) {
    case 'none':
      return undefined;
    case 'page':
      return isFull ? String((at === '' ? pagination.first : Number(at)) + 1) : undefined;
    case 'offset':
      return isFull ? String(Number(at) + items.length) : undefined;
    case 'cursor':
    case 'nextUrl': {
      const next = valueAt(body, pagination.next);
      return typeof next === 'string' || typeof next === 'number'
        ? String(next) || undefined
        : undefined;
    }
    case 'lastKey':
      return isFull ? partsOf(last ?? '', (last ?? '').split('/').length)?.at(-1) : undefined;
    case 'link':
      return /<([^>]*)>\s*;[^,]*\brel="?next"?/.exec(answer.headers.link ?? '')?.[1];
    default:
      return pagination satisfies never;
  }
}

function entryOf(spec: ListSpec, parents: readonly string[], item: unknown): ListEntry[] {
  const fields = spec.keyFields.map((name) => valueAt(item, `/${name}`));
  const isWhole = fields.every((each) => typeof each === 'string' || typeof each === 'number');
  if (!isWhole || fields.includes('')) return [];
  const title = shown(item, spec.titleField);
  const summary = shown(item, spec.summaryField);
  return [
    {
      key: keyOf([...parents, ...fields.map(String)]),
      ...(title && { title }),
      ...(summary && { summary }),
    },
  ];
}

function shown(item: unknown, field: string | undefined): string | undefined {
  const value = field === undefined ? undefined : valueAt(item, `/${field}`);
  return typeof value === 'string' ? value.slice(0, summaryMaxChars) : undefined;
}

/** What has the prefix, and the words if the API has not searched for them. */
function fitting(spec: ListSpec, entries: readonly ListEntry[], query: ListQuery): ListEntry[] {
  const words = spec.searchParameter ? [] : query.text.toLowerCase().split(/\s+/).filter(Boolean);
  return entries.filter(({ key, title = '', summary = '' }) => {
    const text = `${key} ${title} ${summary}`.toLowerCase();
    return key.startsWith(query.keyPrefix) && words.every((word) => text.includes(word));
  });
}

function readJson({ body }: Incoming): unknown {
  try {
    return JSON.parse(Buffer.from(body).toString('utf8'));
  } catch (error) {
    throw new ProviderError(Code.Internal, 'the API answers a list with no JSON', { cause: error });
  }
}

function listAt(body: unknown, pointer: string): readonly unknown[] {
  const value = valueAt(body, pointer);
  return Array.isArray(value) ? value : [];
}

function valueAt(value: unknown, pointer: string): unknown {
  let at = value;
  for (const segment of pointer.split('/').slice(1)) {
    if (typeof at !== 'object' || at === null) return undefined;
    at = (at as Record<string, unknown>)[segment.replaceAll('~1', '/').replaceAll('~0', '~')];
  }
  return at;
}
