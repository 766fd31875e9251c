import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { expect, test } from 'vitest';
import { openAnswering } from '../test/answering.ts';
import { testCaller } from '../test/entries.ts';
import { content, openProviderServer } from '../test/provider-server.ts';

// Promise P16: no leak between tenants in 100,000 interleaved calls with colliding names and keys.

const TENANTS = ['acme', 'acme-2', 'ac'];
const KEYS = 50;
const AT_ONCE = 200;

/** Interleaves calls of all tenants for the same keys; counts the values that are another's. */
async function countLeaks(calls: number, plantedKey?: string): Promise<number> {
  await using stack = new AsyncDisposableStack();
  const manifest = {
    name: 'docs',
    version: '1.0.0',
    contexts: [{ type: 'DocChunk', version: '1.0.0', ttl: durationFromMs(1_000) }],
  };
  const providers = [];
  for (const tenant of TENANTS) {
    const server = await openProviderServer({
      fetch: ({ key }) => content(key === plantedKey ? 'of another' : `${tenant} ${key}`),
    });
    providers.push({ manifest, urls: [stack.use(server).url], tenant });
  }
  const weir = stack.use(openAnswering(providers));
  let leaks = 0;
  const call = async (n: number) => {
    const tenant = TENANTS[n % TENANTS.length] ?? '';
    const key = `k${n % KEYS}`;
    const { texts } = await weir.fetch([`DocChunk/${key}`], { caller: testCaller({ tenant }) });
    if (texts[0] !== JSON.stringify(`${tenant} ${key}`)) leaks++;
  };
  for (let n = 0; n < calls; n += AT_ONCE) {
    await Promise.all(Array.from({ length: AT_ONCE }, (_, i) => call(n + i)));
  }
  return leaks;
}

test('100,000 interleaved calls get nothing of another tenant', { timeout: 120_000 }, async () => {
  expect(await countLeaks(100_000)).toBe(0);
});

test('a planted leak is counted', async () => {
  expect(await countLeaks(1_000, 'k7')).toBe(1_000 / KEYS);
});
