import { createHash } from 'node:crypto';
import { refuse } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import type { Page, Paged } from './store/store.ts';

const SIZE_DEFAULT = 50;
const SIZE_MAX = 500;
const TOKEN_CHARS_MAX = 2048;

/** The fields of a request that say which page is wanted. */
export interface PageRequest {
  readonly pageSize: number;
  readonly pageToken: string;
}

/** A page wanted, and how the token of the next one is made. */
export interface PageReading extends Page {
  tokenAfter(page: Paged<unknown>): string;
}

/** Reads a whole list, so many at a time. */
export async function* everyPage<T>(
  size: number,
  read: (page: Page) => Promise<Paged<T>>,
): AsyncGenerator<T> {
  let page: Page | undefined = { size };
  while (page) {
    const { items, after }: Paged<T> = await read(page);
    yield* items;
    page = after && { size, after };
  }
}

/** Reads which page is wanted; tokens hold only for the same list, given by `of`. */
export function parsePage(
  request: PageRequest,
  of: readonly unknown[],
  sizeMax = SIZE_MAX,
): PageReading {
  const { pageSize, pageToken } = request;
  if (pageSize < 0 || pageSize > sizeMax) {
    throw refuse(Reason.INVALID_PAGE, `page_size: ${pageSize} is not 0 to ${sizeMax}`);
  }
  const binding = createHash('sha256').update(JSON.stringify(of)).digest('base64url').slice(0, 16);
  const after = pageToken === '' ? undefined : readToken(pageToken, binding);
  return {
    size: pageSize || SIZE_DEFAULT,
    ...(after ? { after } : {}),
    tokenAfter: (page) => (page.after ? writeToken(binding, page.after) : ''),
  };
}

function writeToken(binding: string, after: readonly string[]): string {
  return Buffer.from(JSON.stringify([binding, ...after])).toString('base64url');
}

function readToken(token: string, binding: string): string[] {
  const [held, ...after] = token.length > TOKEN_CHARS_MAX ? [] : decode(token);
  if (held !== binding || after.length === 0) {
    throw refuse(
      Reason.INVALID_PAGE,
      'page_token is not one of this list; give next_page_token of the page before, with the same filter',
    );
  }
  return after;
}

function decode(token: string): string[] {
  try {
    const value: unknown = JSON.parse(Buffer.from(token, 'base64url').toString('utf8'));
    const texts = Array.isArray(value) && value.every((part) => typeof part === 'string');
    return texts && !value.some((part) => part.includes('\0')) ? value : [];
  } catch {
    return [];
  }
}
