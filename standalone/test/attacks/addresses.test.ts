import { once } from 'node:events';
import { createServer, type Http2Session, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { Code } from '@connectrpc/connect';
import { WeirCallError } from '@weir/sdk';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import { until } from '../weir.ts';
import { attack, attacks } from './attack.ts';
import { leaks } from './canary.ts';
import { ALLOWED_HOST, openWorld, type World } from './world.ts';

let world: World;
/** Where names lead, in turns; the last one stays. */
const leads = new Map<string, string[]>();

beforeAll(async () => {
  world = await openWorld({
    resolve: async (host) => {
      const left = leads.get(host) ?? [];
      const address = left.length > 1 ? left.shift() : left[0];
      if (address === undefined) throw new Error(`${host} is not known`);
      return [{ address, family: address.includes(':') ? 6 : 4 }];
    },
  });
});

afterAll(() => world[Symbol.asyncDispose]());

afterEach(() => expect(world.canary.dialled).toBe(0));

/** Hosts that lead to the canary, or to where a cloud keeps its secrets. */
const hosts: Record<string, string> = {
  loopback: '127.0.0.1',
  'loopback by another address': '127.1.2.3',
  'loopback by IPv6': '[::1]',
  'loopback mapped into IPv6': '[::ffff:127.0.0.1]',
  'loopback mapped, in hexadecimal': '[::ffff:7f00:1]',
  'loopback behind a translator': '[64:ff9b::127.0.0.1]',
  'loopback in one number': '2130706433',
  'loopback in octal': '0177.0.0.01',
  'loopback in hexadecimal': '0x7f000001',
  'loopback in short': '127.1',
  'loopback in full-width digits': '１２７.0.0.1',
  'the name of this machine': 'localhost',
  'a name below it': 'canary.localhost',
  'the unspecified address': '0.0.0.0',
  'the unspecified address of IPv6': '[::]',
  'a private network': '10.0.0.1',
  'a link': '169.254.10.10',
  'the metadata of a cloud': '169.254.169.254',
  'the metadata of a cloud by IPv6': '[fd00:ec2::254]',
};

let count = 0;

function manifest(url: string): { source: { case: 'document'; value: string } } {
  const value = `name: inside${++count}\nversion: 1.0.0\nendpoints: [{ url: "${url}" }]\ncontexts: [{ type: DocChunk, version: 1.0.0, keyPrefix: inside${count}/ }]\n`;
  return { source: { case: 'document', value } };
}

async function refusal(called: Promise<unknown>): Promise<WeirCallError> {
  const error = await called.catch((thrown: unknown) => thrown);
  if (error instanceof WeirCallError) return error;
  throw new Error('it was let through');
}

attacks('ssrf', hosts, async (host) => {
  const { registry } = world.admin;
  const url = `http://${host}:${world.canary.port}`;
  const told = await refusal(registry.registerProvider(manifest(url)));
  expect(told).toMatchObject({ reason: Reason.ADDRESS_REFUSED, code: Code.InvalidArgument });
  expect(told.text).toMatch(/^\d+:\d+ endpoints\[0\]\.url: .*may not be called/);
  const endpoint = { provider: await leased(), version: '1.0.0', endpoint: { url } };
  expect((await refusal(registry.registerEndpoint(endpoint))).reason).toBe(Reason.ADDRESS_REFUSED);
});

/** A provider without an endpoint. */
async function leased(): Promise<string> {
  const { source } = manifest('');
  const value = source.value.replace(/endpoints: .*\n/, '');
  await world.admin.registry.registerProvider({ source: { case: 'document', value } });
  return `inside${count}`;
}

/** Registers a provider by name, and fetches from it until it is refused. */
async function fetchBy(host: string, port: number) {
  const { registry } = world.admin;
  const { consistencyToken } = await registry.registerProvider(manifest(`http://${host}:${port}`));
  const key = `inside${count}/a`;
  const fetch = async () => {
    const [outcome] = await world.admin.fetch([`DocChunk/${key}`], { consistencyToken });
    if (!outcome) throw new Error('one outcome');
    return outcome;
  };
  return fetch;
}

attacks(
  'ssrf',
  {
    'a name that leads to loopback': '127.0.0.1',
    'a name that leads to loopback by IPv6': '::1',
    'a name that leads to loopback, mapped': '::ffff:127.0.0.1',
    'a name that leads to a link': '169.254.169.254',
    'a name that leads nowhere at all': '0.0.0.0',
  },
  async (address) => {
    leads.set('provider.test', [address]);
    const outcome = await (await fetchBy('provider.test', world.canary.port))();
    expect(outcome.ok).toBe(false);
    const text = outcome.ok ? '' : outcome.refusal.text;
    expect(outcome.ok ? undefined : outcome.refusal.reason).toBe(Reason.PROVIDER_UNAVAILABLE);
    expect(text).not.toMatch(/\d+\.\d+\.\d+|::|provider\.test/);
  },
);

attack('ssrf', 'a name that leads elsewhere once it was let through (rebinding)', async () => {
  const port = Number(new URL(world.providerUrl).port);
  leads.set('rebound.test', [ALLOWED_HOST]);
  const fetch = await fetchBy('rebound.test', port);
  expect((await fetch()).ok).toBe(true);
  leads.set('rebound.test', ['127.0.0.1']);
  world.restartProvider();
  // The connection was lost: the next one is judged by where the name leads now.
  await until(async () => !(await fetch()).ok, 'nothing is fetched any more');
});

attack('ssrf', 'a redirect', async () => {
  const answers = await openRaw((stream) => {
    const location = `http://127.0.0.1:${world.canary.port}/`;
    stream.respond({ ':status': 302, location }, { endStream: true });
  });
  try {
    const outcome = await (await fetchBy(ALLOWED_HOST, answers.port))();
    expect(outcome.ok).toBe(false);
  } finally {
    answers.close();
  }
});

attack('ssrf', 'an address that the registry checks', async () => {
  leads.set('checked.test', ['127.0.0.1']);
  await world.admin.registry.registerProvider(manifest(`http://checked.test:${world.canary.port}`));
  const name = `inside${count}`;
  const isDown = async () => {
    const { provider } = await world.admin.registry.getProvider({ name, version: '1.0.0' });
    return provider?.endpoints.some(({ health }) => health === DOWN) ?? false;
  };
  await until(isDown, 'the endpoint was checked, and is down');
});

const DOWN = 2;

attacks(
  'ssrf',
  {
    'user info': 'http://127.0.0.2:80@127.0.0.1:1',
    'a backslash': 'http://127.0.0.2:80\\@127.0.0.1:1',
    'a path': 'http://127.0.0.2:80/../127.0.0.1',
    'a line break': 'http://127.0.0.2:80\r\nhost: 127.0.0.1',
    'another scheme': 'file:///etc/passwd',
    gopher: 'gopher://127.0.0.1:6379/_FLUSHALL',
  },
  async (url) => {
    const value = `name: odd\nversion: 1.0.0\nendpoints: [{ url: ${JSON.stringify(url)} }]\ncontexts: [{ type: DocChunk, version: 1.0.0 }]\n`;
    const source = { case: 'document' as const, value };
    const { reason } = await refusal(world.admin.registry.registerProvider({ source }));
    expect(reason).toBe(Reason.INVALID_MANIFEST);
  },
);

async function openRaw(answer: (stream: ServerHttp2Stream) => void) {
  const sessions = new Set<Http2Session>();
  const server = createServer();
  server.on('session', (session) => sessions.add(session));
  server.on('stream', (stream) => {
    stream.on('error', () => {});
    answer(stream);
  });
  server.listen(0, ALLOWED_HOST);
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    close() {
      for (const session of sessions) session.destroy();
      server.close();
    },
  };
}

/** Schemas that want something fetched, or read. */
const schemas: Record<string, (at: string) => object> = {
  'a reference over HTTP': (at) => ({ $ref: `${at}/schema.json` }),
  'a reference within an array': (at) => ({ items: { $ref: `${at}/schema.json` } }),
  'a reference in a definition that nobody uses': (at) => ({ $defs: { a: { $ref: `${at}/a` } } }),
  'a dynamic reference': (at) => ({ $dynamicRef: `${at}/schema.json#a` }),
  'a base of another place': (at) => ({ $id: `${at}/base/`, items: { $ref: 'schema.json' } }),
  'a dialect of another place': (at) => ({ $schema: `${at}/dialect` }),
  'a file': () => ({ $ref: 'file:///etc/passwd' }),
  'a place without a scheme': (at) => ({ $ref: at.replace('http:', '') }),
};

attacks('remote-reference', schemas, async (schemaAt) => {
  const schema = schemaAt(`http://127.0.0.1:${world.canary.port}`);
  const value = JSON.stringify({ name: `Remote${++count}`, version: '1.0.0', schema });
  const source = { case: 'document' as const, value };
  expect((await refusal(world.admin.registry.publishType({ source }))).reason).toBe(
    Reason.INVALID_SCHEMA,
  );
});

attacks(
  'shadowed-name',
  {
    'a built-in type': ['DocChunk', Reason.BUILT_IN],
    'a letter without width': ['Doc\u200bChunk', Reason.INVALID_MANIFEST],
    'a joiner without width': ['Doc\u200dChunk', Reason.INVALID_MANIFEST],
    'a letter of another script': ['D\u043ecChunk', Reason.INVALID_MANIFEST],
    'full-width letters': ['ＤocChunk', Reason.INVALID_MANIFEST],
    'the direction of writing turned': ['\u202eDocChunk', Reason.INVALID_MANIFEST],
    'a name of objects': ['__proto__', Reason.INVALID_MANIFEST],
  } as const,
  async ([name, reason]) => {
    const value = JSON.stringify({ name, version: '9.0.0', schema: {} });
    const source = { case: 'document' as const, value };
    expect((await refusal(world.admin.registry.publishType({ source }))).reason).toBe(reason);
  },
);

attack('canary-secret', 'where nobody was led to, and whatever was said of it', async () => {
  const evidence = await world.close();
  expect(leaks(evidence, world.secrets)).toEqual([]);
  const refused = evidence.filter(({ text }) =>
    /weir_outbound_refused_total\{.*\} [1-9]/.test(text),
  );
  expect(refused.map(({ where }) => where)).toEqual([
    'metrics of the registry',
    'metrics of the router',
  ]);
});
