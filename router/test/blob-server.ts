import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLogger, createMetrics, type ServeLimits, serve } from '@weir/kit';
import { type FileStoreOptions, openFileStore } from '../src/blobs/file-store.ts';
import { createLinks } from '../src/blobs/links.ts';
import { createTestClock } from './answering.ts';

/** How long links hold. */
export const HOLD_MS = 60_000;

const log = createLogger({ name: 'test', level: 'silent' });
const secret = new Uint8Array(randomBytes(32));

/** Opens a store in a folder of its own, served as routers serve it. */
export async function openBlobServer({
  limits = {},
  ...more
}: Partial<FileStoreOptions> & { limits?: Partial<ServeLimits> } = {}) {
  await using stack = new AsyncDisposableStack();
  const dir = await mkdtemp(join(tmpdir(), 'weir-blobs-'));
  stack.defer(() => rm(dir, { recursive: true }));
  const clock = createTestClock();
  const links = createLinks({ secret, holdMs: HOLD_MS, publicUrl: undefined, clock });
  const options = { dir, maxBytes: 50_000_000, holdMs: HOLD_MS, links, clock, log, ...more };
  const store = await openFileStore(options);
  const metrics = stack.adopt(createMetrics('test'), (opened) => opened.shutdown());
  const server = await serve({
    ...{ host: '127.0.0.1', port: 0, services: [], routes: () => {}, gate: () => {}, log, metrics },
    handle: store.handle,
    limits,
  });
  stack.defer(() => server.drain(0));
  const owned = stack.move();
  return {
    ...{ store, clock, options, server },
    at: (url: string) => `${server.url}${url}`,
    expire: async () => clock.advance(HOLD_MS + 1_000),
    files: async () =>
      (await readdir(dir, { recursive: true, withFileTypes: true }))
        .filter((entry) => entry.isFile())
        .map((entry) => entry.name),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
