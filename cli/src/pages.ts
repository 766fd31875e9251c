/** The most that one page may hold. */
const PAGE_SIZE_MAX = 500;

/** A page of something. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly nextPageToken: string;
}

/** Which page to get. */
export interface PageRequest {
  readonly pageSize: number;
  readonly pageToken: string;
}

/** Gets pages until the limit is reached or there are no more. */
export async function collectPages<T>(
  limit: number,
  getPage: (request: PageRequest) => Promise<Page<T>>,
): Promise<Page<T>> {
  const items: T[] = [];
  let pageToken = '';
  do {
    const pageSize = Math.min(PAGE_SIZE_MAX, limit - items.length);
    const page = await getPage({ pageSize, pageToken });
    items.push(...page.items);
    pageToken = page.nextPageToken;
  } while (pageToken !== '' && items.length < limit);
  return { items, nextPageToken: pageToken };
}
