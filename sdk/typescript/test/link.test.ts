import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { create } from '@bufbuild/protobuf';
import { Code, createRouterTransport } from '@connectrpc/connect';
import { afterEach, expect, test } from 'vitest';
import { ItemResultSchema } from '../src/gen/weir/context/v1/context_pb.ts';
import { RouterService } from '../src/gen/weir/router/v1/router_pb.ts';
import { createWeir, type ItemOutcome, Reason, WeirCallError } from '../src/index.ts';

const value = Buffer.from(JSON.stringify({ text: 'x'.repeat(100_000) }));
const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

async function listen(handler: RequestListener) {
  const seen: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    seen.push(request);
    handler(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanups.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen };
}

/** A Weir at an address, whose items lie at links; `small` comes along. */
function weirWith(url: string, item: { url: string; bytes?: Uint8Array }) {
  const bytes = item.bytes ?? value;
  const resultOf = (key: string, index: number) =>
    create(ItemResultSchema, {
      index,
      outcome: {
        case: 'item',
        value: {
          contentType: 'application/json',
          ...(key === 'small'
            ? { body: { case: 'payload', value: Buffer.from('1') } }
            : {
                body: { case: 'url', value: item.url },
                sha256: createHash('sha256').update(bytes).digest(),
                sizeBytes: BigInt(bytes.length),
              }),
        },
      },
    });
  const transport = createRouterTransport((router) =>
    router.service(RouterService, {
      fetchContext: ({ refs }) => ({ results: refs.map(({ key }, i) => resultOf(key, i)) }),
      async *streamContext({ fetch }) {
        for (const [i, { key }] of (fetch?.refs ?? []).entries())
          yield { result: resultOf(key, i) };
      },
    }),
  );
  return createWeir({ url, key: 'weir_secret', transport, timeoutMs: 5_000 });
}

const refusalOf = (outcome: ItemOutcome | undefined) =>
  outcome?.ok === false ? outcome.refusal : undefined;

test('a link is followed at the address of Weir, and nothing of the caller goes along', async () => {
  const { url, seen } = await listen((_, response) => response.end(value));
  const weir = weirWith(`${url}/behind/a/proxy`, { url: '/blobs/x?signature=y' });
  const item = await weir.get('Note', 'a');
  expect(item.value).toEqual(JSON.parse(value.toString()));
  expect(seen.map((request) => request.url)).toEqual(['/behind/a/proxy/blobs/x?signature=y']);
  const { headers } = seen[0] ?? { headers: {} };
  expect(JSON.stringify(headers)).not.toContain('weir_secret');
  expect(headers).not.toHaveProperty('authorization');
  expect(headers).not.toHaveProperty('referer');
});

test('a link that only looks relative stays at the address of Weir', async () => {
  const other = await listen((_, response) => response.end(value));
  const { url, seen } = await listen((_, response) => response.end(value));
  const { host } = new URL(other.url);
  const outcomes = await weirWith(url, { url: `//${host}/x` }).fetch(['Note/a']);
  expect(outcomes[0]?.ok).toBe(true);
  expect([seen.length, other.seen.length]).toEqual([1, 0]);
});

test.each(['file:///etc/passwd', 'javascript:alert(1)', 'data:text/plain,x', 'blobs/x', ''])(
  'the link %j is not followed',
  async (link) => {
    const [outcome] = await weirWith('http://127.0.0.1:1', { url: link }).fetch(['Note/a']);
    expect(refusalOf(outcome)).toMatchObject({
      code: Code.Unavailable,
      text: 'the link is no address of http or https',
    });
  },
);

test.each<[string, RequestListener, Code, string]>([
  [
    'other bytes',
    (_, r) => r.end(value.map((byte) => byte ^ 1)),
    Code.DataLoss,
    'does not have the hash announced',
  ],
  [
    'more bytes',
    (_, r) => r.end(Buffer.concat([value, value])),
    Code.DataLoss,
    `is longer than the ${value.length} bytes announced`,
  ],
  [
    'fewer bytes',
    (_, r) => r.end(value.subarray(1)),
    Code.Unavailable,
    `broke off after ${value.length - 1} of ${value.length} bytes`,
  ],
  [
    'a broken connection',
    (_, r) => r.write(value.subarray(0, 50_000), () => r.destroy()),
    Code.Unavailable,
    'cannot be read',
  ],
  [
    'a redirect',
    (q, r) => (q.url === '/x' ? r.writeHead(302, { location: '/y' }).end() : r.end(value)),
    Code.Unavailable,
    'cannot be read',
  ],
  [
    'an expired link',
    (_, r) => r.writeHead(403).end(),
    Code.Unavailable,
    'fetch the item again for a new one',
  ],
  ['an error', (_, r) => r.writeHead(500).end(), Code.Unavailable, 'answered with status 500'],
])('%s: the item is refused, and no other', async (_, handler, code, text) => {
  const { url } = await listen(handler);
  const weir = weirWith(url, { url: '/x' });
  const [bad, good] = await weir.fetch(['Note/a', 'Note/small']);
  const reason = Reason.BLOB_STORE_UNAVAILABLE;
  expect(refusalOf(bad)).toMatchObject({ code, reason, text: expect.stringContaining(text) });
  expect(good?.ok).toBe(true);
  const read = async () => {
    const [kept] = await weir.fetch(['Note/a'], { links: 'keep' });
    if (kept?.ok) for await (const _ of weir.readValue(kept.item));
  };
  await expect(read()).rejects.toThrow(WeirCallError);
  await expect(read()).rejects.toThrow(text);
});

test('a link that is never answered ends with the time of the call', async () => {
  const { url } = await listen(() => {});
  const weir = weirWith(url, { url: '/x' });
  const [late] = await weir.fetch(['Note/a'], { timeoutMs: 200 });
  expect(refusalOf(late)?.reason).toBe(Reason.DEADLINE_EXCEEDED);
});

test('gets and streams of small values do not wait for large ones, which end when left', async () => {
  const { url, seen } = await listen(() => {});
  const weir = weirWith(url, { url: '/x' });
  const large = weir.get('Note', 'large', { timeoutMs: 2_000 }).catch((error) => error);
  expect((await weir.get('Note', 'small')).value).toBe(1);
  while (seen.length < 1) await new Promise((resolve) => setImmediate(resolve));
  for await (const outcome of weir.stream(['Note/large', 'Note/small'])) {
    expect(outcome.ref.key).toBe('small');
    while (seen.length < 2) await new Promise((resolve) => setImmediate(resolve));
    break;
  }
  while (!seen[1]?.destroyed) await new Promise((resolve) => setImmediate(resolve));
  expect(seen[0]?.destroyed).toBe(false);
  expect(await large).toBeInstanceOf(WeirCallError);
});

test('a value of no bytes, and one that is no JSON', async () => {
  const { url } = await listen((request, response) =>
    response.end(request.url === '/empty' ? '' : '{'),
  );
  const [empty] = await weirWith(url, { url: '/empty', bytes: Buffer.from('') }).fetch(['Note/a']);
  const [broken] = await weirWith(url, { url: '/x', bytes: Buffer.from('{') }).fetch(['Note/a']);
  for (const outcome of [empty, broken]) {
    expect(refusalOf(outcome)?.reason).toBe(Reason.PROVIDER_GARBAGE);
  }
});
