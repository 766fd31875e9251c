import { readFile } from 'node:fs/promises';
import { constants } from 'node:http2';
import { join } from 'node:path';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { openTestAuthority, type TestAuthority } from '@weir/kit/testing/certificates';
import {
  answerOf,
  beginCall,
  bodyOf,
  call,
  callProtocols,
  openConnection,
} from '@weir/kit/testing/raw-calls';
import { Code } from '@weir/sdk';
import { CacheStatus } from '@weir/sdk/gen/weir/context/v1/context_pb';
import { Scope } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { badInputs } from './bad-input/cases.ts';
import {
  ask,
  batchOf,
  fetchPath,
  openPair,
  type Pair,
  plain,
  type Question,
  qualitiesOf,
  type Side,
} from './lanes/pair.ts';
import { type OtlpReceiver, openOtlpReceiver } from './otlp-receiver.ts';
import { scrape } from './scrape.ts';
import { until } from './weir.ts';

// Two Weirs, alike but for the lane that FetchContext takes: what one answers, the other answers,
// and what is recorded, counted, logged and traced of it is the same.

let collector: OtlpReceiver;
let authority: TestAuthority;
let pair: Pair;

beforeAll(async () => {
  collector = await openOtlpReceiver();
  authority = await openTestAuthority();
  const { certFile, keyFile } = await authority.issue();
  pair = await openPair({
    WEIR_LOG_LEVEL: 'debug',
    WEIR_TRACES_URL: collector.url,
    WEIR_TRACES_SAMPLE: '1',
    WEIR_TRUSTED_PROXIES: '127.0.0.1',
    WEIR_TLS_CERT_FILE: certFile,
    WEIR_TLS_KEY_FILE: keyFile,
    WEIR_TLS_CLEAR_TEXT: 'true',
  });
}, 120_000);

afterAll(async () => {
  await pair[Symbol.asyncDispose]();
  await authority[Symbol.asyncDispose]();
  await collector[Symbol.asyncDispose]();
});

let calls = 0;

describe.each(callProtocols)('over %s', (protocol) => {
  /** Asks both sides, whose answers must be one. */
  async function askBoth(question: Question) {
    const answers = await Promise.all(pair.sides.map((side) => ask(side, protocol, question)));
    const [fast, connect] = answers.map(plain);
    expect(fast).toEqual(connect);
    const [own = [], others = []] = answers.map(qualitiesOf);
    for (const [i, quality] of own.entries()) expect(quality).toBeCloseTo(others[i] ?? -1, 1);
    if (!fast) throw new Error('there is no answer');
    return { ...fast, lanes: answers };
  }
  const keyOf = (name: string) => `${name}-${protocol}`;
  const refs = (...keys: string[]) => keys.map((key) => ({ type: 'Twin', key: keyOf(key) }));

  test('what is missed, then hit, then asked for by others', async () => {
    const batch = { refs: refs('a', 'b', 'a') };
    const first = await askBoth({ batch });
    expect(first.results?.map(({ cache }) => cache)).toEqual([
      CacheStatus.MISS,
      CacheStatus.MISS,
      expect.anything(),
    ]);
    const again = await askBoth({ batch });
    expect(again.results?.map(({ cache }) => cache)).toEqual(Array(3).fill(CacheStatus.HIT_MEMORY));
    expect(again.results?.every(({ hasAge, redacted }) => hasAge && !redacted)).toBe(true);
    const hidden = await askBoth({ batch, by: 'reader' });
    expect(hidden.results?.map(({ redacted }) => redacted)).toEqual([true, true, true]);
  });

  test('every kind of refusal of an item', async () => {
    const { results } = await askBoth({
      by: 'reader',
      batch: {
        refs: [
          ...refs('fine', 'none', 'failing'),
          { type: 'Nope', key: 'x' },
          { type: 'Secret', key: 'x' },
          { type: 'Twin', key: 'x', versionRange: '^9' },
          { type: 'Twin', key: 'x', provider: 'nobody' },
          { type: 'DocChunk', key: 'no-such-document' },
        ],
      },
    });
    expect(results?.map((one) => one.case)).toEqual(['item', ...Array(7).fill('refusal')]);
  });

  test.each<[string, object]>([
    ['an age of 0', { maxAge: durationFromMs(0) }],
    ['more quality than there is', { minQuality: 1 }],
    ['a purpose', { purpose: 'support' }],
    ['a time for the item', { itemTimeout: durationFromMs(5_000) }],
  ])('a batch with %s', async (_, more) => {
    await askBoth({ batch: { refs: refs('fine'), ...more } });
  });

  test('an item that is late', async () => {
    const { results } = await askBoth({
      batch: { refs: refs('fine', 'wait-late'), itemTimeout: durationFromMs(200) },
    });
    expect(results?.map((one) => one.case)).toEqual(['item', 'refusal']);
  });

  test('a call that is nearly late answers what it has', async () => {
    const headers =
      protocol === 'grpc' ? { 'grpc-timeout': '3S' } : { 'connect-timeout-ms': '3000' };
    const { results, error } = await askBoth({
      headers,
      batch: { refs: refs('fine', 'wait-call') },
    });
    expect(error).toBeUndefined();
    expect(results?.map((one) => one.case)).toEqual(['item', 'refusal']);
  });

  test('more than an answer may hold', async () => {
    const batch = { refs: refs('large-1', 'large-2') };
    await askBoth({ batch });
    const { results } = await askBoth({ batch });
    expect(results?.map((one) => one.case)).toEqual(['item', 'refusal']);
  });

  test('256 refs, and 257', async () => {
    const many = Array.from({ length: 256 }, (_, i) => `many-${i}`);
    const { results } = await askBoth({ batch: { refs: refs(...many) } });
    expect(results?.map(({ index }) => index)).toEqual(many.map((_, i) => i));
    const { error } = await askBoth({ batch: { refs: refs(...many, 'more') } });
    expect(error).toMatchObject({ code: 'InvalidArgument', reason: 'REASON_BATCH_TOO_LARGE' });
  });

  test.each([
    ['of 1 KiB', 'k'.repeat(1_024), true],
    ['a byte longer', 'k'.repeat(1_025), false],
    ['not ASCII', '漢字', true],
    ['NFC', '\u00c4rger', true],
    ['not NFC', 'A\u0308rger', false],
    ['with a control character', 'a\u0007', false],
    ['with a bidi control', 'a\u202eb', false],
    ['with NUL', 'a\0b', false],
    ['with a segment ..', 'a/../b', false],
    ['empty', '', false],
  ])('a key %s', async (_, key, isFine) => {
    const { error } = await askBoth({ batch: { refs: [{ type: 'Twin', key }] } });
    expect(error?.reason).toBe(isFine ? undefined : 'REASON_INVALID_KEY');
    expect(error?.violations.length ?? 0).toBe(isFine ? 0 : 1);
  });

  const fetches = badInputs.flatMap(({ name, input, code }) =>
    input.kind === 'fetch' ? [[name, input.request, code] as const] : [],
  );
  test.each(fetches)('bad input: %s', async (_, request, code) => {
    const { error } = await askBoth({ batch: request });
    expect(error?.code).toBe(Code[code]);
  });

  test.each<[string, string]>([
    ['cut off', '\x0a\x7f'],
    ['of a number without end', `\x0a${'\xff'.repeat(11)}`],
    ['of a field 0', '\x00\x01'],
    ['of groups within groups', '\x0b'.repeat(1_000)],
    ['of text that is no UTF-8', '\x0a\x04\x1a\x02\xff\xfe'],
    ['of half a surrogate pair', '\x0a\x05\x1a\x03\xed\xa0\x80'],
    ['with a duration that is cut off', '\x0a\x06\x0a\x01X\x1a\x01y\x12\x01\x08'],
    ['with fields that nobody knows', '\x0a\x06\x0a\x01X\x1a\x01y\x9a\x06\x01x'],
    ['with fields the other way round', '\x0a\x06\x1a\x01y\x0a\x01X'],
    ['with fields said twice', '\x0a\x09\x0a\x01X\x0a\x01Y\x1a\x01y'],
  ])('a message %s', async (_, text) => {
    await askBoth({ pieces: [bodyOf(protocol, Buffer.from(text, 'latin1'))] });
  });

  test('keys that let nobody in', async () => {
    const sent: [string, string][] = await Promise.all(
      pair.sides.map(async ({ weir: { client } }): Promise<[string, string]> => {
        const revoked = await client.admin.createKey({ principal: 'gone' });
        const scopes = [Scope.REGISTER];
        const other = await client.admin.createKey({ principal: 'other', scopes });
        const id = revoked.secret.split('_')[1] ?? '';
        const { consistencyToken } = await client.admin.revokeKey({ id });
        await client.fetch(['DocChunk/x'], { consistencyToken });
        return [revoked.secret, other.secret];
      }),
    );
    const reasons = ['CREDENTIAL_INVALID', 'SCOPE_MISSING'];
    for (const [i, reason] of reasons.entries()) {
      const answers = await Promise.all(
        pair.sides.map((side, at) => {
          const headers = { authorization: `Bearer ${sent[at]?.[i]}` };
          return ask(side, protocol, { headers, batch: { refs: refs('fine') } });
        }),
      );
      expect(plain(answers[0] as never)).toEqual(plain(answers[1] as never));
      expect(answers[0]?.error?.reason).toBe(`REASON_${reason}`);
    }
  });

  test.each<[string, string | string[] | undefined]>([
    ['none', undefined],
    ['that of nobody', `Bearer weir_${'0'.repeat(16)}_${'a'.repeat(43)}`],
    ['one that is no key', 'Bearer x'],
    ['an empty one', 'Bearer '],
    ['two', ['Bearer x', 'Bearer y']],
    ['one of another scheme', 'Basic eDp5'],
    ['a signature that is none', 'weir-hmac-sha256 x'],
  ])('a credential that lets nobody in: %s', async (_, authorization) => {
    const { error } = await askBoth({ headers: { authorization }, batch: { refs: refs('fine') } });
    expect(error?.code).toBe('Unauthenticated');
  });

  test('the fast lane is there, and can be switched off', async () => {
    // One block of headers is how it frames an error over gRPC.
    const { lanes } = await askBoth({ headers: { authorization: 'Bearer x' } });
    expect(lanes.map(({ trailersOnly }) => trailersOnly)).toEqual([protocol === 'grpc', false]);
  });

  test('over TLS', async () => {
    const told = await Promise.all(
      pair.sides.map(async ({ weir: { weir } }) => {
        const url = `https://localhost:${new URL(weir.url).port}`;
        using session = openConnection(url, { ca: authority.ca });
        const headers = { authorization: `Bearer ${weir.key}`, 'x-request-id': 'r-1' };
        const asking = { protocol, path: fetchPath, headers };
        const answers = [];
        for (const batch of [{ refs: refs('fine', 'none', 'medium') }, { refs: [] }]) {
          const pieces = [bodyOf(protocol, batchOf(batch))];
          answers.push(plain(await call(session, { ...asking, pieces })));
        }
        return answers;
      }),
    );
    expect(told[0]).toEqual(told[1]);
    expect(told[0]?.[0]?.results).toHaveLength(3);
  });

  test('a call that is given up is given up further on, and recorded as such', async () => {
    const id = `left-${protocol}`;
    const key = keyOf('wait-left');
    for (const side of pair.sides) {
      const { weir } = side.weir;
      using session = openConnection(weir.url);
      const stream = beginCall(session, {
        ...{ protocol, path: fetchPath },
        headers: { authorization: `Bearer ${weir.key}`, 'x-request-id': id },
        pieces: [bodyOf(protocol, batchOf({ refs: [{ type: 'Twin', key }] }))],
      });
      const over = answerOf(stream, protocol);
      await until(() => side.waiting.has(key), 'the provider is asked');
      stream.close(constants.NGHTTP2_CANCEL);
      await over;
      await until(() => side.givenUp.has(key), 'the provider hears of it');
    }
    const records = await Promise.all(pair.sides.map((side) => recordOf(side, id)));
    expect(records[0]).toEqual(records[1]);
    expect(records[0]).toMatchObject({ code: 1 });
  });

  test('records, log, metrics and traces of a call', async () => {
    const asked: Question[] = [
      { batch: { refs: refs('fine', 'none', 'told') }, by: 'reader' },
      { batch: { refs: refs('fine'), purpose: 'support' } },
      { batch: { refs: [] } },
      { pieces: [bodyOf(protocol, Buffer.from('\x0a\x7f', 'latin1'))] },
      { pieces: [bodyOf(protocol, Buffer.alloc(4 * 1024 * 1024 + 1))] },
      { headers: { authorization: 'Bearer x' }, batch: { refs: refs('fine') } },
      { headers: { 'x-forwarded-for': '192.0.2.7' }, batch: { refs: refs('fine') } },
    ];
    const before = await Promise.all(pair.sides.map(counted));
    const ids: string[] = [];
    for (const question of asked) {
      const id = `told-${calls++}`;
      ids.push(id);
      await askBoth({ ...question, headers: { 'x-request-id': id, ...question.headers } });
    }
    // To look for records is counted too.
    const after = await Promise.all(pair.sides.map(counted));
    const more = after.map((series, side) =>
      [...series]
        .map(([name, count]) => [name, count - (before[side]?.get(name) ?? 0)] as const)
        .filter(([, count]) => count > 0)
        .sort(([a], [b]) => a.localeCompare(b)),
    );
    expect(more[0]?.length).toBeGreaterThan(5);
    expect(more[0]).toEqual(more[1]);
    for (const [i, id] of ids.entries()) {
      // Calls of strangers are nobody's to search for.
      const isKnown = asked[i]?.headers?.authorization === undefined;
      const records = isKnown
        ? await Promise.all(pair.sides.map((side) => recordOf(side, id)))
        : [];
      expect(records[0], `record ${i}`).toEqual(records[1]);
      const lines = await Promise.all(pair.sides.map((side) => lineOf(side, id)));
      expect(lines[0], `line ${i}`).toEqual(lines[1]);
    }
    expect(await recordOf(pair.sides[0] as Side, ids[6] as string)).toMatchObject({
      network: '192.0.2.7',
    });
    await until(
      () => ids.every(() => spansNamed().length >= 2 * ids.length),
      'the spans have come',
      20_000,
    );
  });

  test('spans of a call, in the trace that it brings', async () => {
    const traced = await Promise.all(
      pair.sides.map(async (side, i) => {
        const traceId = `${protocol === 'grpc' ? 'a' : 'b'}${i}`.padEnd(32, '7');
        const headers = { traceparent: `00-${traceId}-1234567890abcdef-01` };
        await ask(side, protocol, { headers, batch: { refs: refs(`traced-${i}`.slice(0, -1)) } });
        const own = () => collector.spans.filter((span) => span.traceId === traceId);
        await until(() => own().some(({ kind }) => kind === 2), 'the span has come', 20_000);
        await until(() => own().length >= 5, 'the spans have come', 20_000);
        return own()
          .map(({ service, name, kind, attributes }) => ({ service, name, kind, attributes }))
          .sort((a, b) => a.name.localeCompare(b.name) || a.kind - b.kind);
      }),
    );
    expect(traced[0]?.map(withoutHost)).toEqual(traced[1]?.map(withoutHost));
  });
});

function withoutHost<T extends { readonly attributes: Readonly<Record<string, unknown>> }>(
  span: T,
) {
  const { 'server.address': _, 'server.port': __, ...attributes } = span.attributes;
  return { ...span, attributes };
}

const spansNamed = () =>
  collector.spans.filter(({ kind, name }) => kind === 2 && name.endsWith('FetchContext'));

/** The record of a call, without what no two calls have in common. */
async function recordOf({ weir }: Side, requestId: string) {
  const find = async () =>
    (await weir.client.audit.searchRecords({ filter: { requestId } })).records.map(
      ({ record }) => record,
    );
  await until(async () => (await find()).length > 0, `the record of ${requestId}`, 20_000);
  const found = await find();
  expect(found).toHaveLength(1);
  const { time, duration, credential, router, revision, salt, subject, items, ...record } =
    found[0] ?? ({} as never);
  // Times take more or fewer bytes of an item.
  return { ...record, items: items.map(({ bytes, ...item }) => ({ ...item, isSent: bytes > 0n })) };
}

/** The line of a call in the access log. */
async function lineOf({ weir }: Side, requestId: string) {
  let line: Record<string, unknown> | undefined;
  await until(async () => {
    const text = await readFile(join(weir.dataDir, 'logs', 'weir.log'), 'utf8');
    const lines = text.split('\n').filter((one) => one.includes(`"${requestId}"`));
    line = lines.map((one) => JSON.parse(one)).find(({ msg }) => msg === 'call');
    return line !== undefined;
  }, `the line of ${requestId}`);
  const { time, pid, hostname, durationMs, keyId, trace_id, span_id, ...plainLine } = line ?? {};
  return plainLine;
}

/** What is counted of calls and items, by series. */
async function counted({ weir }: Side): Promise<Map<string, number>> {
  const names =
    /^(rpc_server_duration_seconds_count|weir_items_total|weir_decisions_total|weir_calls_refused_total)\{/;
  const lines = (await scrape(weir.weir.opsPort)).split('\n').filter((line) => names.test(line));
  return new Map(
    lines
      .filter((line) => !line.includes('method=') || line.includes('FetchContext'))
      .map((line) => {
        const at = line.lastIndexOf(' ');
        return [line.slice(0, at), Number(line.slice(at))];
      }),
  );
}
