import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { Code } from '@connectrpc/connect';
import { CacheStatus } from '@weir/sdk/gen/weir/context/v1/context_pb';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import type { FetchContextRequest } from '@weir/sdk/gen/weir/router/v1/router_pb';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runWeir, type World } from '../../test/run-weir.ts';
import { serveWeir, type WeirServer, weirError } from '../../test/weir-server.ts';

const markdown = '# Install\n\nRun `npm ci`.\n';
const schema = { database: 'weir', tables: ['items'] };

const values: Readonly<Record<string, { contentType: string; payload: Uint8Array }>> = {
  'README.md#install': { contentType: 'text/markdown', payload: Buffer.from(markdown) },
  weir: { contentType: 'application/json', payload: Buffer.from(JSON.stringify(schema)) },
  long: { contentType: 'text/plain', payload: Buffer.from('line\n'.repeat(500)) },
};

/** Values that lie at links. */
const links = new Map<string, { url: string; bytes: Uint8Array }>();

function resultOf(key: string, index: number) {
  const link = links.get(key);
  if (link) {
    const sha256 = createHash('sha256').update(link.bytes).digest();
    const body = { case: 'url', value: link.url } as const;
    const sizeBytes = BigInt(link.bytes.length);
    const value = { body, sha256, sizeBytes, contentType: 'text/plain' };
    return { index, outcome: { case: 'item', value } } as const;
  }
  const value = values[key];
  const base = { index, cache: CacheStatus.HIT_MEMORY, age: durationFromMs(3_200) };
  if (value === undefined) {
    const refusal = {
      code: Code.NotFound,
      reason: Reason.KEY_NOT_FOUND,
      text: `docs has no "${key}"`,
      retryDelay: durationFromMs(2_000),
    };
    return { index, outcome: { case: 'refusal', value: refusal } } as const;
  }
  const item = {
    body: { case: 'payload', value: value.payload },
    contentType: value.contentType,
    version: '1.0.0',
    etag: 'e1',
    provenance: { provider: 'docs', providerVersion: '0.1.0', source: 'README.md:12' },
  } as const;
  return { ...base, outcome: { case: 'item', value: item } } as const;
}

let server: WeirServer;
let asked: FetchContextRequest;

beforeAll(async () => {
  server = await serveWeir({
    router: {
      fetchContext(request) {
        asked = request;
        if (request.refs[0]?.key === 'overload') {
          throw weirError(Code.ResourceExhausted, Reason.OVERLOADED, 'too many calls');
        }
        return { results: request.refs.map(({ key }, index) => resultOf(key, index)) };
      },
      async *streamContext({ fetch }) {
        const refs = fetch?.refs ?? [];
        for (const [index, { key }] of [...refs.entries()].reverse()) {
          yield { result: resultOf(key, index) };
        }
      },
    },
  });
});

afterAll(() => server[Symbol.asyncDispose]());

const weir = (args: string[], world?: World) => runWeir([...args, '--url', server.url], world);

describe('weir fetch', () => {
  test('shows items with what is known of them, and refusals beside them', async () => {
    const ran = await weir(['fetch', 'DocChunk/README.md#install', 'DocChunk/nope']);
    expect(ran).toMatchObject({ code: 1, err: '' });
    expect(ran.out).toContain(
      'ok DocChunk/README.md#install\n' +
        '  docs@0.1.0 · README.md:12 · memory hit · age 3.2 s · text/markdown\n' +
        '  # Install\n\n  Run `npm ci`.\n',
    );
    expect(ran.out).toContain(
      'refused DocChunk/nope\n' +
        '  KEY_NOT_FOUND: docs has no "nope"\n' +
        '  Try again in 2 s. See `weir list DocChunk`.\n',
    );
    expect(ran.out).toMatch(/1 of 2 items in \d+(\.\d)? m?s, 1 refused\.\n$/);
  });

  test('sends what the options say', async () => {
    const options = ['--provider', 'docs', '--max-age', '0s', '--item-timeout', '1.5s'];
    const ran = await weir(['fetch', 'DocChunk@^1/README.md#install', ...options]);
    expect(ran.code).toBe(0);
    expect(asked.refs[0]).toMatchObject({
      type: 'DocChunk',
      versionRange: '^1',
      key: 'README.md#install',
      provider: 'docs',
    });
    expect(asked.maxAge).toMatchObject({ seconds: 0n, nanos: 0 });
    expect(asked.itemTimeout).toMatchObject({ seconds: 1n, nanos: 500_000_000 });
  });

  test('writes the whole answer as one JSON document', async () => {
    const ran = await weir(['fetch', 'SQLSchema/weir', 'DocChunk/nope', '--json']);
    expect(ran.code).toBe(1);
    const answer = JSON.parse(ran.out);
    expect(answer).toMatchObject({ items: 1, refused: 1, timeMs: expect.any(Number) });
    expect(answer.results[0]).toMatchObject({
      ref: { type: 'SQLSchema', key: 'weir' },
      index: 0,
      cache: 'CACHE_STATUS_HIT_MEMORY',
      age: '3.200s',
      item: { contentType: 'application/json', etag: 'e1', value: schema },
    });
    expect(Buffer.from(answer.results[0].item.payload, 'base64').toString()).toBe(
      JSON.stringify(schema),
    );
    expect(answer.results[1]).toMatchObject({
      index: 1,
      refusal: { reason: 'REASON_KEY_NOT_FOUND', code: 5, retryDelay: '2s' },
    });
  });

  test('writes values byte for byte, and refusals apart', async () => {
    const ran = await weir(['fetch', 'SQLSchema/weir', 'DocChunk/nope', '--raw']);
    expect(ran).toMatchObject({ code: 1, out: JSON.stringify(schema) });
    expect(ran.err).toContain('refused DocChunk/nope');
  });

  test('shows items as they arrive', async () => {
    const refs = ['SQLSchema/weir', 'DocChunk/README.md#install'];
    const ran = await weir(['fetch', ...refs, '--stream']);
    expect(ran.code).toBe(0);
    expect(ran.out.indexOf('ok DocChunk')).toBeLessThan(ran.out.indexOf('ok SQLSchema'));
    expect(ran.out).toContain('2 of 2 items in ');

    const lines = (await weir(['fetch', ...refs, '--stream', '--json'])).out.trim().split('\n');
    expect(lines.map((line) => JSON.parse(line).index)).toEqual([1, 0]);
  });

  test('cuts a long value on a screen, and nowhere else', async () => {
    const screen = await weir(['fetch', 'DocChunk/long'], { rows: 24, columns: 80 });
    expect(screen.out.split('\n').length).toBeLessThan(26);
    expect(screen.out).toMatch(/… \d+ more lines; --raw shows all of the value\./);
    const paper = await weir(['fetch', 'DocChunk/long']);
    expect(paper.out.split('\n').length).toBeGreaterThan(500);
  });

  test('uses colours only where they are allowed', async () => {
    const args = ['fetch', 'DocChunk/README.md#install'];
    expect((await weir(args)).out).not.toContain('\u001b[');
    expect((await weir(args, { color: true })).out).toContain('\u001b[32mok\u001b[39m');
  });
});

describe('what goes wrong', () => {
  test('a ref that is none names itself and the mend', async () => {
    const ran = await weir(['fetch', 'README.md']);
    expect(ran).toMatchObject({ code: 2, out: '' });
    expect(ran.err).toContain('The ref "README.md" has no key: write TYPE/KEY');
  });

  test('a key that Weir does not know', async () => {
    const env = { WEIR_KEY: 'weir_unknown_key' };
    const ran = await weir(['fetch', 'DocChunk/x'], { env });
    expect(ran.code).toBe(3);
    expect(ran.err).toBe(
      'weir: the key is not known\n' +
        'Set WEIR_KEY to a valid key, or name a key file with --key-file.\n',
    );
  });

  test('Weir does not answer', async () => {
    const ran = await runWeir(['fetch', 'DocChunk/x', '--url', 'http://127.0.0.1:1']);
    expect(ran.code).toBe(4);
    expect(ran.err).toBe(
      'weir: Weir does not answer at http://127.0.0.1:1.\n' +
        'Start it with `npm start`, or set WEIR_URL.\n',
    );
  });

  test('Weir has too much to do', async () => {
    const ran = await weir(['fetch', 'DocChunk/overload']);
    expect(ran).toMatchObject({ code: 4, err: 'weir: too many calls\n' });
  });

  test('programs are told in JSON', async () => {
    const ran = await weir(['fetch', 'DocChunk/overload', '--json']);
    expect(JSON.parse(ran.err)).toEqual({
      error: { message: 'too many calls', mend: '', faults: [], reason: 'OVERLOADED', exitCode: 4 },
    });
  });

  test('--debug shows the details, and never the key', async () => {
    const ran = await weir(['fetch', 'DocChunk/overload', '--debug']);
    expect(ran.err).toContain('WeirCallError');
    expect(ran.err).not.toContain('0123456789');
  });

  test('the user interrupts', async () => {
    const signal = AbortSignal.abort();
    const ran = await weir(['fetch', 'DocChunk/README.md#install'], { signal });
    expect(ran).toMatchObject({ code: 130, err: 'weir: interrupted\n' });
  });
});

describe('--output', () => {
  const large = Buffer.from('large\n'.repeat(100_000));
  let folder: string;
  let blobs: Server;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'weir-cli-'));
    blobs = createServer((_, response) => response.end(large));
    await new Promise<void>((resolve) => blobs.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(blobs.address() as AddressInfo).port}/x`;
    links.set('large', { url, bytes: large });
    links.set('altered', { url, bytes: Buffer.alloc(large.length) });
  });

  afterAll(async () => {
    blobs.close();
    await rm(folder, { recursive: true });
  });

  test('saves a value that came along, or lies at a link', async () => {
    const path = join(folder, 'a');
    const small = await weir(['fetch', 'SQLSchema/weir', '--output', path]);
    expect([small.code, small.err]).toEqual([
      0,
      `Saved ${JSON.stringify(schema).length} bytes of application/json to ${path}.\n`,
    ]);
    expect(JSON.parse(await readFile(path, 'utf8'))).toEqual(schema);
    expect((await weir(['fetch', 'Blob/large', '--output', path])).code).toBe(0);
    expect((await readFile(path)).equals(large)).toBe(true);
    expect(await readdir(folder)).toEqual(['a']);
  });

  test('leaves an earlier file when the value is not what was announced', async () => {
    const path = join(folder, 'a');
    const { code, err } = await weir(['fetch', 'Blob/altered', '--output', path]);
    expect(code).toBe(5);
    expect(err).toContain('the value at the link does not have the hash announced');
    expect((await readFile(path)).equals(large)).toBe(true);
    expect(await readdir(folder)).toEqual(['a']);
  });

  test('of a refused item writes nothing, and takes one ref', async () => {
    const path = join(folder, 'b');
    expect((await weir(['fetch', 'DocChunk/missing', '--output', path])).code).toBe(1);
    const two = await weir(['fetch', 'A/a', 'B/b', '--output', path]);
    expect([two.code, two.err]).toEqual([
      2,
      'weir: --output saves the value of one item\nGive one ref, and no --raw.\n',
    ]);
    const nowhere = await weir(['fetch', 'SQLSchema/weir', '--output', join(folder, 'c', 'd')]);
    expect([nowhere.code, nowhere.err]).toEqual([2, expect.stringContaining('ENOENT')]);
    expect(await readdir(folder)).toEqual(['a']);
  });

  test('a large value is described, and written out by --raw', async () => {
    const shown = await weir(['fetch', 'Blob/large']);
    expect(shown.out).toContain(
      `${large.length} bytes of text/plain, too large to show; --output FILE saves them.`,
    );
    expect((await weir(['fetch', 'Blob/large', '--raw'])).out).toBe(large.toString());
    const json = JSON.parse((await weir(['fetch', 'Blob/large', '--json'])).out);
    expect(json.results[0].item).toMatchObject({ sizeBytes: String(large.length) });
  });
});
