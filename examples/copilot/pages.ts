import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createWeir, type PageDSL, type Principal, type SQLSchema } from '@weir/sdk';
import { defineContext, defineProvider, serveProvider } from '@weir/sdk/provider';

// A page builder: people save pages in it, and it offers them to Weir, with the tables that they
// read and the people who save them. Needs WEIR_URL and a WEIR_KEY that may register.

const at = { url: process.env.WEIR_URL ?? '', key: process.env.WEIR_KEY ?? '' };
const weir = createWeir(at);
/** The most characters of a page. */
const PAGE_MAX_CHARS = 256 * 1024;

const pages = new Map<string, PageDSL>();

const orders: SQLSchema = {
  kind: 'table',
  database: 'shop',
  name: 'orders',
  columns: [
    { name: 'id', type: 'bigint', nullable: false },
    { name: 'customer_id', type: 'bigint', nullable: false },
    { name: 'status', type: 'text', nullable: false, comment: 'new, paid, sent or done' },
    { name: 'total', type: 'numeric(12,2)', nullable: false },
  ],
};

const ada: Principal = {
  id: 'ada',
  kind: 'user',
  name: 'Ada Lovelace',
  roles: ['analyst', 'approver'],
  email: 'ada@example.com',
  attributes: { project: 'apollo', salary: 91_000 },
  locale: 'en-GB',
};

/** What a map holds, or undefined: there is no such key. */
const from =
  <T>(values: ReadonlyMap<string, T>) =>
  async ({ key }: { readonly key: string }) => {
    const value = values.get(key);
    return value && { value };
  };

const updated = {
  type: 'object',
  properties: { table: { type: 'string' }, savedBy: { type: 'string' } },
  required: ['table', 'savedBy'],
};

const builder = defineProvider({
  name: 'page-builder',
  version: '1.0.0',
  topics: [
    {
      ...{ topic: 'page.updated', title: 'A page was saved' },
      data: { type: 'PageUpdated', version: '1.0.0', schema: updated },
    },
  ],
  contexts: [
    defineContext({ type: 'PageDSL', version: '1.0.0', ttlMs: 600_000, fetch: from(pages) }),
    defineContext({
      ...{ type: 'SQLSchema', version: '1.0.0', keyPrefix: 'shop' },
      fetch: from(new Map([['shop.orders', orders]])),
    }),
    defineContext({
      ...{ type: 'Principal', version: '1.0.0' },
      fetch: from(new Map([[ada.id, ada]])),
    }),
  ],
});

/** Keeps a page, and tells who wants to know: whatever Weir held of it is forgotten. */
async function save(page: PageDSL): Promise<void> {
  pages.set(page.id, page);
  console.log(`${page.updatedBy} saved ${page.id}: "${page.title}"`);
  const data = { table: 'shop.orders', savedBy: page.updatedBy };
  await weir.publish('page.updated', { key: page.id, data, refs: [`PageDSL/${page.id}`] });
}

async function pageIn(request: IncomingMessage): Promise<PageDSL> {
  let text = '';
  for await (const chunk of request.setEncoding('utf8')) {
    text += chunk;
    if (text.length > PAGE_MAX_CHARS) throw new TypeError(`over ${PAGE_MAX_CHARS} characters`);
  }
  const page = JSON.parse(text) as Partial<PageDSL> | null;
  if (page?.id && page.title && page.root && page.updatedBy) return page as PageDSL;
  throw new TypeError('a page has an id, a title, a root and updatedBy');
}

const server = createServer((request, response) => {
  pageIn(request)
    .then(save)
    .then(
      () => response.end('saved\n'),
      (error: Error) => response.writeHead(400).end(`${error.message}\n`),
    );
});

const running = await serveProvider(builder, at);
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo;
  console.log(`pages are saved at http://127.0.0.1:${port}`);
});
process.once('SIGTERM', () => {
  server.close();
  weir.close();
  void running.close();
});
