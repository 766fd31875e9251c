import { gzipSync } from 'node:zlib';
import { Code, type FetchAnswer, ProviderError } from '@weir/sdk/provider';
import { describe, expect, test, vi } from 'vitest';
import {
  type Answered,
  type Asked,
  openTestApi,
  type TestApi,
} from '../../../test/open-test-api.ts';
import { type ApiOptions, createApi } from './api.ts';
import type { CredentialSpec } from './credentials.ts';
import { fetchItem } from './fetch.ts';
import type { RequestSpec } from './request.ts';

const request: RequestSpec = {
  method: 'GET',
  path: '/things/{id}',
  parameters: [{ name: 'id', in: 'path' }],
  accept: 'application/json',
  security: [['main']],
};
const bearer: CredentialSpec = { kind: 'bearer', secret: 'secret://things-token' };
const caller = { tenant: 'main', principal: '', attributes: {} };
const { signal } = new AbortController();

/** Fetches `Thing/1` from an API that answers so. */
async function fetchOne(
  answer: (asked: Asked) => Answered | undefined,
  options: Partial<ApiOptions> & { readonly knownEtag?: string } = {},
): Promise<{ asked: readonly Asked[]; answer: FetchAnswer<unknown> | ProviderError }> {
  await using there = await openTestApi(answer);
  const { knownEtag = '', ...given } = options;
  const api = createApi({
    baseUrl: `${there.url}/v1/`,
    credentials: { main: bearer },
    secrets: () => 'user:hush',
    outboundAllow: ['loopback'],
    ...given,
  });
  const fetch = fetchItem(api, { request, keyParameters: ['id'] });
  const got = await Promise.resolve(fetch({ key: '1', knownEtag, caller, signal })).catch(
    (error) => {
      if (error instanceof ProviderError) return error;
      throw error;
    },
  );
  return { asked: there.asked, answer: got };
}

const textOf = (value: unknown) => Buffer.from(value as Uint8Array).toString();

describe('a value', () => {
  test('comes as it is, with its tag and its time', async () => {
    const headers = { etag: '"a"', 'cache-control': 'max-age=5' };
    const { asked, answer } = await fetchOne(() => ({ headers, body: '{"n": 1.0}' }));
    expect(asked[0]).toMatchObject({ method: 'GET', url: '/v1/things/1' });
    expect(asked[0]?.headers.authorization).toBe('Bearer user:hush');
    expect(answer).toMatchObject({ contentType: 'application/json', etag: '"a"', ttlMs: 5_000 });
    expect(textOf((answer as { value: unknown }).value)).toBe('{"n": 1.0}');
  });

  test('that is known is not sent again', async () => {
    const { asked, answer } = await fetchOne(() => ({ status: 304 }), { knownEtag: '"a"' });
    expect(asked[0]?.headers['if-none-match']).toBe('"a"');
    expect(answer).toMatchObject({ notModified: true });
    const own = await fetchOne(() => ({}), { knownEtag: 'made-by-weir' });
    expect(own.asked[0]?.headers).not.toHaveProperty('if-none-match');
  });

  test.each([404, 410])('is not there when the API says %d', async (status) => {
    expect((await fetchOne(() => ({ status }))).answer).toBeUndefined();
  });

  test('is unpacked', async () => {
    const headers = { 'content-encoding': 'gzip' };
    const { answer } = await fetchOne(() => ({ headers, body: gzipSync('{"a":1}') }));
    expect(textOf((answer as { value: unknown }).value)).toBe('{"a":1}');
  });

  test.each(['constructor', '__proto__', 'toString', 'identity'])(
    'in the encoding %j, which nobody knows, comes as it is',
    async (encoding) => {
      const headers = { 'content-encoding': encoding };
      const { answer } = await fetchOne(() => ({ headers, body: '{"a":1}' }));
      expect(textOf((answer as { value: unknown }).value)).toBe('{"a":1}');
    },
  );

  test('is read on the same host after a redirect', async () => {
    const { asked, answer } = await fetchOne(({ url }) =>
      url === '/v1/things/1' ? { status: 302, headers: { location: '/v2/1' } } : { body: { a: 1 } },
    );
    expect(asked.map(({ url }) => url)).toEqual(['/v1/things/1', '/v2/1']);
    expect(answer).toMatchObject({ contentType: 'application/json' });
  });
});

describe('a failure', () => {
  test.each([
    [{ status: 429, headers: { 'retry-after': '7' } }, Code.ResourceExhausted, 7_000],
    [{ status: 503, headers: { 'retry-after': '99999999' } }, Code.Unavailable, 3_600_000],
    [{ status: 500 }, Code.Unavailable, undefined],
    [{ status: 400 }, Code.InvalidArgument, undefined],
  ])('of %j', async (answered, code, retryDelayMs) => {
    const { answer } = await fetchOne(() => answered);
    expect(answer).toMatchObject({ code, retryDelayMs });
    expect((answer as ProviderError).message).toBe(
      `the API answers with status ${answered.status}`,
    );
  });

  test.each([401, 403])('of %d names the secret and not its value', async (status) => {
    const { answer } = await fetchOne(() => ({ status }));
    expect(answer).toMatchObject({ code: Code.FailedPrecondition });
    expect((answer as Error).message).toBe(
      `the API refuses secret://things-token (status ${status})`,
    );
  });

  test('of a secret that is not known names how to give it', async () => {
    const { asked, answer } = await fetchOne(() => ({}), { secrets: () => undefined });
    expect((answer as Error).message).toContain(
      'secret://things-token (or the variable THINGS_TOKEN)',
    );
    expect(asked).toEqual([]);
  });

  test('of what is too large, also when it is packed', async () => {
    const headers = { 'content-encoding': 'gzip' };
    const packed = () => ({ headers, body: gzipSync('x'.repeat(100_000)) });
    const { answer } = await fetchOne(packed, { maxBytes: 10_000 });
    expect(answer).toMatchObject({ code: Code.ResourceExhausted });
  });

  test('of an API that says nothing', async () => {
    const { answer } = await fetchOne(() => undefined, { timeoutMs: 100 });
    expect(answer).toMatchObject({ code: Code.DeadlineExceeded });
  });

  test.each([
    [
      'an answer in another protocol',
      'HTTP/1.1 101 X\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n',
    ],
    ['another protocol without a name', 'HTTP/1.1 101 X\r\n\r\n'],
    ['what is only announced', 'HTTP/1.1 103 Early Hints\r\n\r\n'],
    ['half an answer', 'HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf'],
    ['no answer', ''],
  ])('of %s', async (_, raw) => {
    const { answer } = await fetchOne((asked) => void asked.socket.end(raw));
    expect(answer).toMatchObject({ code: Code.Unavailable });
  });

  test('of another protocol, of which the connection stays open', async () => {
    const raw = 'HTTP/1.1 101 X\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n';
    const closed = Promise.withResolvers<void>();
    const { answer } = await fetchOne(({ socket }) => {
      socket.once('close', () => closed.resolve());
      socket.write(raw);
      return undefined;
    });
    expect(answer).toMatchObject({ code: Code.Unavailable });
    await closed.promise;
  });

  test('of a redirect to another host, where no secret goes', async () => {
    await using other = await openTestApi(() => ({}));
    const { answer } = await fetchOne(() => ({ status: 302, headers: { location: other.url } }));
    expect(answer).toMatchObject({ code: Code.FailedPrecondition });
    expect(other.asked).toEqual([]);
  });

  test('of an address that may not be called', async () => {
    const { asked, answer } = await fetchOne(() => ({}), { outboundAllow: [] });
    expect(answer).toMatchObject({ code: Code.FailedPrecondition });
    expect(asked).toEqual([]);
  });
});

describe('who calls is told', () => {
  test.each<[CredentialSpec, object]>([
    [{ ...bearer, kind: 'basic' }, { authorization: 'Basic dXNlcjpodXNo' }],
    [{ ...bearer, kind: 'apiKey', in: 'header', name: 'X-Key' }, { 'x-key': 'user:hush' }],
    [{ ...bearer, kind: 'apiKey', in: 'cookie', name: 'key' }, { cookie: 'key=user%3Ahush' }],
  ])('%j', async (spec, headers) => {
    const { asked } = await fetchOne(() => ({}), { credentials: { main: spec } });
    expect(asked[0]?.headers).toMatchObject(headers);
  });

  test('in the query', async () => {
    const spec: CredentialSpec = { ...bearer, kind: 'apiKey', in: 'query', name: 'key' };
    const { asked } = await fetchOne(() => ({}), { credentials: { main: spec } });
    expect(asked[0]?.url).toBe('/v1/things/1?key=user%3Ahush');
  });

  test('with a token that was got for it, once', async () => {
    await using issuer = await openTestApi(({ url, headers }) =>
      url === '/.well-known'
        ? { body: { token_endpoint: `http://${headers.host}/token` } }
        : { body: { access_token: 'T', expires_in: 600 } },
    );
    const spec: CredentialSpec = {
      ...{ kind: 'clientCredentials', secret: 'secret://things-token', scopes: ['read'] },
      ...{ tokenUrl: `${issuer.url}/.well-known`, isDiscovery: true },
    };
    await using there = await openTestApi(() => ({ body: {} }));
    const api = createApi({
      baseUrl: there.url,
      credentials: { main: spec },
      secrets: () => 'client:hush',
      outboundAllow: ['loopback'],
    });
    for (const id of ['1', '2']) await api.call(request, { id }, { signal });
    expect(there.asked.map(({ headers }) => headers.authorization)).toEqual([
      'Bearer T',
      'Bearer T',
    ]);
    expect(issuer.asked).toHaveLength(2);
    expect(issuer.asked[1]).toMatchObject({
      method: 'POST',
      body: 'grant_type=client_credentials&scope=read',
      headers: { authorization: 'Basic Y2xpZW50Omh1c2g=' },
    });
  });

  describe('with tokens', () => {
    const specOf = (tokenUrl: string): CredentialSpec => {
      return { ...bearer, kind: 'clientCredentials', tokenUrl, scopes: [] };
    };
    const openApi = (there: TestApi, issuer: TestApi) =>
      createApi({
        baseUrl: there.url,
        credentials: { main: specOf(`${issuer.url}/main`), other: specOf(`${issuer.url}/other`) },
        secrets: () => 'client:hush',
        outboundAllow: ['loopback'],
      });
    const other = { ...request, security: [['other']] };
    const pathsOf = ({ asked }: TestApi) => asked.map(({ url }) => url);

    test('that many need at once and that are asked for once, also when the first goes away', async () => {
      const mayAnswer = Promise.withResolvers<void>();
      await using issuer = await openTestApi(async () => {
        await mayAnswer.promise;
        return { body: { access_token: 'T', expires_in: 600 } };
      });
      await using there = await openTestApi(() => ({ body: {} }));
      const api = openApi(there, issuer);
      const leaving = new AbortController();
      const first = api.call(request, { id: '1' }, { signal: leaving.signal });
      const others = Array.from({ length: 16 }, () => api.call(request, { id: '1' }, { signal }));
      leaving.abort();
      await expect(first).rejects.toThrow(/abort/);
      mayAnswer.resolve();
      await Promise.all(others);
      expect(there.asked).toHaveLength(16);
      expect(issuer.asked).toHaveLength(1);
    });

    test('that are asked for again after a failure', async () => {
      await using issuer = await openTestApi(() =>
        issuer.asked.length === 1 ? { status: 500 } : { body: { access_token: 'T' } },
      );
      await using there = await openTestApi(() => ({ body: {} }));
      const api = openApi(there, issuer);
      await expect(api.call(request, { id: '1' }, { signal })).rejects.toThrow(
        /no token was given/,
      );
      await api.call(request, { id: '1' }, { signal });
      expect(there.asked[0]?.headers.authorization).toBe('Bearer T');
    });

    test('of which only the refused one is forgotten', async () => {
      await using issuer = await openTestApi(() => ({ body: { access_token: 'T' } }));
      await using there = await openTestApi(({ url }) => ({
        status: url.endsWith('/no') ? 401 : 200,
      }));
      const api = openApi(there, issuer);
      await api.call(other, { id: '1' }, { signal });
      await expect(api.call(request, { id: 'no' }, { signal })).rejects.toThrow(/status 401/);
      await api.call(other, { id: '1' }, { signal });
      await api.call(request, { id: '1' }, { signal });
      expect(pathsOf(issuer)).toEqual(['/other', '/main', '/main']);
    });

    test('that a late refusal of the one before does not forget', async () => {
      const mayRefuse = Promise.withResolvers<void>();
      await using issuer = await openTestApi(() => ({
        body: { access_token: `T${issuer.asked.length}` },
      }));
      await using there = await openTestApi(async ({ url, headers }) => {
        if (url.endsWith('/late')) await mayRefuse.promise;
        return { status: headers.authorization === 'Bearer T1' ? 401 : 200 };
      });
      const api = openApi(there, issuer);
      const late = api.call(request, { id: 'late' }, { signal });
      await expect(api.call(request, { id: '1' }, { signal })).rejects.toThrow(/status 401/);
      await api.call(request, { id: '1' }, { signal });
      mayRefuse.resolve();
      await expect(late).rejects.toThrow(/status 401/);
      await api.call(request, { id: '1' }, { signal });
      expect(issuer.asked).toHaveLength(2);
    });

    test('that are used for a day at most, whatever is told', async () => {
      vi.useFakeTimers({ toFake: ['Date'] });
      try {
        await using issuer = await openTestApi(() => ({
          body: '{"access_token": "T", "expires_in": 1e300}',
        }));
        await using there = await openTestApi(() => ({ body: {} }));
        const api = openApi(there, issuer);
        for (const [passedMs, tokens] of [
          [0, 1],
          [23 * 3_600_000, 1],
          [3_600_000, 2],
        ] as const) {
          vi.setSystemTime(Date.now() + passedMs);
          await api.call(request, { id: '1' }, { signal });
          expect(issuer.asked).toHaveLength(tokens);
        }
      } finally {
        vi.useRealTimers();
      }
    });
  });
});
