import type { Page, Paged } from '../store.ts';

/** How many rows to read for a page: one more than wanted tells whether there is another. */
export function rowsFor(page: Page): number {
  return page.size + 1;
}

/** Makes a page of rows read with `rowsFor`. */
export function pageOf<Row, T>(
  rows: readonly Row[],
  page: Page,
  read: { item(row: Row): T; place(row: Row): readonly string[] },
): Paged<T> {
  const kept = rows.slice(0, page.size);
  const last = kept.at(-1);
  const items = kept.map(read.item);
  return rows.length > page.size && last ? { items, after: read.place(last) } : { items };
}
