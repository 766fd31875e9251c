import type { ServerHttp2Stream } from 'node:http2';
import { setTimeout as sleep } from 'node:timers/promises';
import { createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { type ItemOutcome as Outcome, reasonName, WeirCallError } from '@weir/sdk';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { RouterService } from '@weir/sdk/gen/weir/router/v1/router_pb';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  answerOne,
  envelope,
  flood,
  grpcHeaders,
  nobody,
  openHttp1,
  openRawProvider,
  openTcp,
  type RawProvider,
  respond,
  spawnProvider,
} from './raw-providers.ts';
import { openTestWeir, type TestWeir, until } from './weir.ts';

let weir: TestWeir;

beforeAll(async () => {
  weir = await openTestWeir();
});

afterAll(() => weir[Symbol.asyncDispose]());

let providers = 0;

/** Registers a provider with a type of its own at addresses; returns how to fetch from it. */
async function introduce(urls: readonly string[], manifest = '', context = '') {
  const { registry } = weir.client;
  const type = `Bad${++providers}`;
  const document = `name: ${type}\nversion: 1.0.0\nschema: {}\n`;
  await registry.publishType({ source: { case: 'document', value: document } });
  const endpoints = urls.map((url) => `{ url: "${url}" }`).join(', ');
  const value = `name: bad${providers}\nversion: 1.0.0\nendpoints: [${endpoints}]\n${manifest}\ncontexts: [{ type: ${type}, version: 1.0.0${context} }]\n`;
  const { consistencyToken } = await registry.registerProvider({
    source: { case: 'document', value },
  });
  let keys = 0;
  return {
    type,
    /** Fetches another key of the provider, beside an item of a good one, which must come. */
    async fetch(itemTimeoutMs = 5_000): Promise<Outcome> {
      const ref = { type, key: `k${++keys}` };
      const options = { consistencyToken, itemTimeoutMs };
      const refs = [ref, 'SQLSchema/weir'];
      const [bad, good] = await calmly(() => weir.client.fetch(refs, options));
      expect(good?.ok).toBe(true);
      if (!bad) throw new Error('a result is missing');
      return bad;
    },
    /** What Explain tells of a fetch. */
    async steps(): Promise<string> {
      const answer = await weir.client.router.explain({
        fetch: { refs: [{ type, key: `k${++keys}` }], consistencyToken },
      });
      return answer.explanations[0]?.steps.map(({ text }) => text).join('\n') ?? '';
    },
  };
}

/** On a busy machine a call may be refused before anything is looked at; it is made again. */
async function calmly<T>(call: () => Promise<T>): Promise<T> {
  for (let left = 10; ; left--) {
    try {
      return await call();
    } catch (error) {
      const overloaded = error instanceof WeirCallError && error.reason === Reason.OVERLOADED;
      if (!overloaded || left === 0) throw error;
      await sleep(error.retryDelayMs ?? 0);
    }
  }
}

function refusalOf(outcome: Outcome) {
  if (outcome.ok) throw new Error('it was not refused');
  return outcome.refusal;
}

describe('a provider that cannot be understood costs its own items only', () => {
  const answers: Record<string, [answer: (stream: ServerHttp2Stream) => void, reason: Reason]> = {
    silence: [() => {}, Reason.DEADLINE_EXCEEDED],
    'headers and then silence': [(s) => s.respond(grpcHeaders), Reason.DEADLINE_EXCEEDED],
    'half a message and then silence': [
      (s) => {
        s.respond(grpcHeaders);
        s.write(envelope({ results: [{ index: 0 }] }).subarray(0, 6));
      },
      Reason.DEADLINE_EXCEEDED,
    ],
    'half a message and an end': [
      (s) => {
        respond(s, '0');
        s.end(envelope({ results: [{ index: 7 }] }).subarray(0, 6));
      },
      Reason.PROVIDER_FAILED,
    ],
    'bytes that are no message': [
      (s) => {
        respond(s, '0');
        s.end(Buffer.from([0, 0, 0, 0, 3, 255, 255, 255]));
      },
      Reason.PROVIDER_FAILED,
    ],
    'a page of HTML, not found': [
      (s) => {
        s.respond({ ':status': 404, 'content-type': 'text/html' });
        s.end('<html>not here</html>');
      },
      Reason.UNSUPPORTED,
    ],
    'a page of HTML, all well': [
      (s) => {
        s.respond({ ':status': 200, 'content-type': 'text/html' });
        s.end('<html>hello</html>');
      },
      Reason.PROVIDER_FAILED,
    ],
    'a status that is none': [
      (s) => s.respond({ ...grpcHeaders, 'grpc-status': 'fine' }, { endStream: true }),
      Reason.PROVIDER_FAILED,
    ],
    'a status beyond those that are': [
      (s) => s.respond({ ...grpcHeaders, 'grpc-status': '99' }, { endStream: true }),
      Reason.PROVIDER_FAILED,
    ],
    'trailers only, all well': [
      (s) => s.respond({ ...grpcHeaders, 'grpc-status': '0' }, { endStream: true }),
      Reason.PROVIDER_GARBAGE,
    ],
    'an end without a status': [
      (s) => {
        s.respond(grpcHeaders);
        s.end(envelope({ results: [] }));
      },
      Reason.PROVIDER_FAILED,
    ],
    'a reset': [(s) => s.close(2), Reason.PROVIDER_FAILED],
    'a refusal of the stream': [(s) => s.close(7), Reason.PROVIDER_UNAVAILABLE],
    'the end of the connection': [(s) => s.session?.destroy(), Reason.PROVIDER_UNAVAILABLE],
    'a length beyond every limit': [
      (s) => {
        s.respond(grpcHeaders);
        s.write(Buffer.from([0, 255, 255, 255, 255, 1]));
      },
      Reason.PROVIDER_FAILED,
    ],
  };

  test.each(Object.entries(answers))('%s', async (_, [answer, reason]) => {
    await using provider = await openRawProvider(answer);
    const bad = await introduce([provider.url], 'timeout: 400ms');
    const refusal = refusalOf(await bad.fetch());
    expect(refusal.text).toMatch(/^provider bad/);
    expect(refusal.text).not.toMatch(/127\.0\.0\.1|html/);
    expect(reasonName(refusal.reason)).toBe(reasonName(reason));
    await until(() => provider.underWay === 0, 'the call is ended');
  });

  test.each([
    ['speaks HTTP/1.1', openHttp1],
    ['takes connections and says nothing', () => openTcp()],
    ['greets with lines', () => openTcp('220 mail.example ESMTP\r\n')],
    ['is not there', async () => ({ url: await nobody(), async [Symbol.asyncDispose]() {} })],
  ])('a server that %s', async (_, open) => {
    await using server = await open();
    const bad = await introduce([server.url], 'timeout: 400ms');
    const refusal = refusalOf(await bad.fetch());
    expect(refusal.text).toMatch(/^provider bad/);
    expect(refusal.text).not.toMatch(/127\.0\.0\.1/);
    expect([
      Reason.PROVIDER_UNAVAILABLE,
      Reason.PROVIDER_FAILED,
      Reason.DEADLINE_EXCEEDED,
    ]).toContain(refusal.reason);
  });
});

describe('a provider that never ends is ended', () => {
  const one = {
    index: 0,
    outcome: { case: 'content' as const, value: { payload: Buffer.from('1') } },
  };

  test.each<[string, (stream: ServerHttp2Stream) => void]>([
    ['though it goes on in silence', () => {}],
    ['though it goes on with empty messages', (s) => flood(s, envelope({}))],
    ['though it answers again and again', (s) => flood(s, envelope({ results: [one] }))],
  ])('once all is answered, %s', async (_, goOn) => {
    await using provider = await openRawProvider((stream) => {
      stream.respond(grpcHeaders);
      stream.write(envelope({ results: [one] }));
      goOn(stream);
    });
    const bad = await introduce([provider.url], 'timeout: 60s');
    expect((await bad.fetch()).ok).toBe(true);
    await until(() => provider.underWay === 0, 'the call is ended');
  });

  const part = (index: number, bytes: number) => ({
    index,
    outcome: { case: 'part' as const, value: { data: Buffer.alloc(bytes) } },
  });
  const floods: [string, Parameters<typeof envelope>[0], Reason][] = [
    ['empty messages', {}, Reason.PROVIDER_GARBAGE],
    [
      'results of nothing that was asked',
      { results: [{ ...one, index: 9 }] },
      Reason.PROVIDER_GARBAGE,
    ],
    [
      'a message full of results',
      { results: Array.from({ length: 10_000 }, () => ({ ...one, index: 9 })) },
      Reason.PROVIDER_GARBAGE,
    ],
    ['empty parts', { results: [part(9, 0)] }, Reason.PROVIDER_GARBAGE],
    ['parts of nothing that was asked', { results: [part(9, 64 * 1024)] }, Reason.PROVIDER_GARBAGE],
    ['great parts', { results: [part(9, 1024 * 1024)] }, Reason.ITEM_TOO_LARGE],
  ];
  test.each(floods)('that floods with %s', async (_, message, reason) => {
    await using provider = await openRawProvider((stream) => {
      stream.respond(grpcHeaders);
      flood(stream, envelope(message));
    });
    const bad = await introduce([provider.url], 'timeout: 60s\nlimits: { responseBytes: 8388608 }');
    const refusal = refusalOf(await bad.fetch(30_000));
    expect(reasonName(refusal.reason)).toBe(reasonName(reason));
    await until(() => provider.underWay === 0, 'the call is ended');
  });
});

describe('a provider that fails', () => {
  const unavailable = (stream: ServerHttp2Stream) =>
    void stream.respond({ ...grpcHeaders, 'grpc-status': '14' }, { endStream: true });

  test('is left alone after five failures, and asked again when it is well', async () => {
    await using provider = await openRawProvider(unavailable);
    const bad = await introduce([provider.url]);
    for (let i = 0; i < 5; i++) await bad.fetch();
    const refusal = refusalOf(await bad.fetch());
    expect(refusal.reason).toBe(Reason.PROVIDER_UNAVAILABLE);
    expect(refusal.text).toMatch(/failed 5 times in a row; it is tried again in 1 s/);
    expect(refusal.retryDelayMs).toBeGreaterThan(0);
    expect(provider.calls).toBe(5);
    expect(await bad.steps()).toContain('failed 5 times in a row');
    provider.answer = (stream) => answerOne(stream);
    await until(async () => (await bad.fetch()).ok, 'it is asked again');
    expect((await bad.fetch()).ok).toBe(true);
  });

  test('is not left alone for keys that are not there', async () => {
    await using provider = await openRawProvider((stream) => {
      respond(stream, '0');
      stream.end(envelope({ results: [{ outcome: { case: 'notFound', value: {} } }] }));
    });
    const bad = await introduce([provider.url]);
    for (let i = 0; i < 8; i++)
      expect(refusalOf(await bad.fetch()).reason).toBe(Reason.KEY_NOT_FOUND);
    expect(provider.calls).toBe(8);
  });

  test('is not left alone because callers have too little time, but for its own', async () => {
    await using provider = await openRawProvider(() => {});
    const bad = await introduce([provider.url], 'timeout: 400ms');
    for (let i = 0; i < 6; i++) await bad.fetch(100);
    expect(provider.calls).toBe(6);
    for (let i = 0; i < 5; i++) await bad.fetch();
    expect(refusalOf(await bad.fetch()).text).toContain('5 times in a row');
    expect(provider.calls).toBe(11);
  });

  test('still has its stale values served', async () => {
    await using provider = await openRawProvider((stream) => answerOne(stream));
    const bad = await introduce([provider.url], '', ', ttl: 50ms, staleWhileRevalidate: 1h');
    const ref = { type: bad.type, key: 'kept' };
    expect((await bad.fetch()).ok).toBe(true);
    expect((await weir.client.fetch([ref]))[0]?.ok).toBe(true);
    provider.answer = unavailable;
    for (let i = 0; i < 6; i++) await bad.fetch();
    expect(refusalOf(await bad.fetch()).text).toContain('5 times in a row');
    const [stale] = await weir.client.fetch([ref]);
    expect(stale?.ok).toBe(true);
  });
});

describe('one endpoint of two', () => {
  const well = (stream: ServerHttp2Stream) => answerOne(stream);
  const faults: [string, (stream: ServerHttp2Stream) => void][] = [
    ['refuses streams', (s) => s.close(7)],
    ['breaks off', (s) => s.session?.destroy()],
    ['says goodbye', (s) => s.session?.goaway(11)],
    [
      'is unavailable',
      (s) => s.respond({ ...grpcHeaders, 'grpc-status': '14' }, { endStream: true }),
    ],
  ];
  test.each(faults)('%s: nobody notices', async (_, fault) => {
    await using first = await openRawProvider(fault);
    await using second = await openRawProvider(well);
    const bad = await introduce([first.url, second.url]);
    for (let i = 0; i < 6; i++) expect((await bad.fetch()).ok).toBe(true);
    expect(first.calls).toBe(1);
  });

  test('garbles: it is left alone after three failures', async () => {
    await using first = await openRawProvider((stream) => {
      respond(stream, '13');
      stream.end();
    });
    await using second = await openRawProvider(well);
    const bad = await introduce([first.url, second.url]);
    const oks = [];
    for (let i = 0; i < 12; i++) oks.push((await bad.fetch()).ok);
    expect(oks.filter((ok) => !ok)).toHaveLength(3);
    expect(first.calls).toBe(3);
    expect(await bad.steps()).toContain('1 of 2 endpoints are left alone');
  });

  test('is slow: the other is asked too, and the slow call cancelled', async () => {
    await using first = await openRawProvider(() => {});
    await using second = await openRawProvider(well);
    const bad = await introduce([first.url, second.url], 'hedgeAfter: 200ms\ntimeout: 10s');
    const told: string[] = [];
    for (let i = 0; i < 4; i++) told.push(await bad.steps());
    expect(told.join('\n')).toContain('nothing came within 200 ms: another endpoint is asked too');
    expect(told.every((steps) => steps.includes('found'))).toBe(true);
    await until(() => first.underWay === 0, 'the slow calls are cancelled');
  });

  test('is stopped with its connections open: the other is asked', async () => {
    await using first = await spawnProvider();
    await using second = await openRawProvider(well);
    const bad = await introduce([first.url, second.url], 'hedgeAfter: 300ms\ntimeout: 10s');
    for (let i = 0; i < 4; i++) expect((await bad.fetch()).ok).toBe(true);
    first.stop();
    for (let i = 0; i < 8; i++) expect((await bad.fetch()).ok).toBe(true);
  });
});

test('a provider that is stopped and goes on costs its own items only, and comes back', async () => {
  await using provider = await spawnProvider();
  const bad = await introduce([provider.url], 'timeout: 500ms');
  expect((await bad.fetch()).ok).toBe(true);
  provider.stop();
  for (let i = 0; i < 6; i++) expect((await bad.fetch()).ok).toBe(false);
  provider.goOn();
  await until(async () => (await bad.fetch()).ok, 'it is asked again', 40_000);
}, 60_000);

describe('a provider gets no more than it takes', () => {
  /** Holds calls until they are let go. */
  function openHolding(): Promise<RawProvider & { letGo?: () => void }> {
    return openRawProvider(() => {});
  }

  test('calls at once', async () => {
    await using provider = await openHolding();
    const bad = await introduce([provider.url], 'timeout: 2s\nlimits: { concurrentCalls: 2 }');
    const outcomes = await Promise.all(Array.from({ length: 20 }, () => bad.fetch()));
    expect(provider.most).toBe(2);
    const refusals = outcomes.map(refusalOf);
    const busy = refusals.filter(({ reason }) => reason === Reason.PROVIDER_BUSY);
    expect(busy).toHaveLength(18);
    expect(busy.every(({ retryDelayMs }) => (retryDelayMs ?? 0) > 0)).toBe(true);
    expect(busy[0]?.text).toMatch(/^provider bad\d+ has the 2 calls at once that it takes$/);
  });

  test('what waits for a moment is answered', async () => {
    await using provider = await openRawProvider((s) => setTimeout(() => answerOne(s), 5));
    const bad = await introduce([provider.url], 'limits: { concurrentCalls: 1 }');
    // On a busy machine a moment may be too short.
    await until(async () => {
      const steps = await Promise.all([bad.steps(), bad.steps()]);
      return steps.some((text) => /waited \d+ ms for room at bad.*\n.*found/.test(text));
    }, 'a call waits and is answered');
    expect(provider.most).toBe(1);
  });

  test('calls in a second', async () => {
    await using provider = await openRawProvider((stream) => answerOne(stream));
    const bad = await introduce([provider.url], 'limits: { callsPerSecond: 1 }');
    const outcomes = await Promise.all(Array.from({ length: 5 }, () => bad.fetch()));
    expect(outcomes.filter(({ ok }) => ok)).toHaveLength(1);
    expect(provider.calls).toBe(1);
    const refusal = refusalOf(outcomes.find(({ ok }) => !ok) ?? (outcomes[0] as Outcome));
    expect(refusal.reason).toBe(Reason.PROVIDER_BUSY);
    expect(refusal.text).toMatch(/64 calls at once, or 1 a second that it takes$/);
  });
});

describe('time', () => {
  function openClient() {
    return createClient(
      RouterService,
      createGrpcTransport({
        baseUrl: weir.weir.url,
        interceptors: [
          (next) => (request) => {
            request.header.set('authorization', `Bearer ${weir.weir.key}`);
            return next(request);
          },
        ],
      }),
    );
  }
  const ms = (timeout: string | undefined) => Number.parseInt(timeout ?? '', 10);

  test('a provider gets less of it than the caller has left', async () => {
    await using provider = await openRawProvider((stream) => answerOne(stream));
    const bad = await introduce([provider.url], 'timeout: 60s');
    await bad.fetch();
    const fetch = { refs: [{ type: bad.type, key: 'timed' }] };
    await openClient().fetchContext(fetch, { timeoutMs: 2_000 });
    expect(provider.timeouts.at(-1)).toMatch(/^\d+m$/);
    expect(ms(provider.timeouts.at(-1))).toBeLessThan(2_000);
    await openClient().fetchContext(fetch, { timeoutMs: 60_000 });
    expect(ms(provider.timeouts.at(-1))).toBeLessThan(60_000);
  });

  test('a caller that names none has ten seconds, of a stream too', async () => {
    await using provider = await openRawProvider((stream) => answerOne(stream));
    const bad = await introduce([provider.url], 'timeout: 60s');
    await bad.fetch();
    const client = openClient();
    await client.fetchContext({ refs: [{ type: bad.type, key: 'untimed' }] });
    const fetch = { refs: [{ type: bad.type, key: 'streamed' }] };
    for await (const { result } of client.streamContext({ fetch })) {
      expect(result?.outcome.case).toBe('item');
    }
    const [, unary, stream] = provider.timeouts.map(ms);
    for (const given of [unary, stream]) {
      expect(given).toBeLessThan(10_000);
      expect(given).toBeGreaterThan(8_000);
    }
  });

  test('a call that is cancelled is cancelled at the provider', async () => {
    const resets: (number | undefined)[] = [];
    await using provider = await openRawProvider((stream) => {
      stream.on('close', () => resets.push(stream.rstCode));
    });
    const bad = await introduce([provider.url], 'timeout: 60s');
    await bad.fetch(20);
    const cancel = new AbortController();
    const fetch = { refs: [{ type: bad.type, key: 'cancelled' }] };
    const call = openClient().fetchContext(fetch, { signal: cancel.signal });
    call.catch(() => {});
    await until(() => provider.calls === 2, 'the provider is asked');
    cancel.abort();
    await until(() => resets.length === 2, 'the call is cancelled');
    expect(resets[1]).toBe(8);
  });
});
