import { Code } from '@connectrpc/connect';
import { Scope } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type BadInput, badInputs, fixtures } from './bad-input/cases.ts';
import {
  type Clients,
  clientsOver,
  commandLineOf,
  protocols,
  runMainFile,
  sendRpc,
} from './bad-input/surfaces.ts';
import { openTestWeir, type TestWeir } from './weir.ts';

// Every bad input, over every surface that can say it.

let weir: TestWeir;
/** A key that may only read. */
let readerKey: string;

beforeAll(async () => {
  weir = await openTestWeir();
  const { registry, admin } = weir.client;
  await registry.publishType({ source: { case: 'document', value: fixtures.type } });
  await registry.registerProvider({ source: { case: 'document', value: fixtures.provider } });
  const request = { principal: 'reader', scopes: [Scope.READ] };
  const { secret, consistencyToken } = await admin.createKey(request);
  await weir.client.fetch(['DocChunk/x'], { consistencyToken });
  readerKey = secret;
});

afterAll(() => weir[Symbol.asyncDispose]());

const target = (key = weir.weir.key) => ({ url: weir.weir.url, key });
const stack = /\bat .*\.(ts|js|mjs):\d|node:internal|127\.0\.0\.1:(?!1\b)|call stack/;

describe.each(Object.keys(protocols))('over %s', (protocol) => {
  let clients: Clients;

  beforeAll(() => {
    clients = clientsOver(protocol, target());
  });

  test.each(badInputs)('$name is refused', async ({ input, code, reason, text }) => {
    const refused = await sendRpc(clients, input);
    expect(refused).toMatchObject({ code: Code[code], reason: `REASON_${reason}` });
    expect(refused?.text).toMatch(text);
    expect(refused?.text).not.toMatch(stack);
    // Over a WebSocket the client does not send what would cost the whole connection.
    const isSent = protocol !== 'WebSocket' || reason !== 'MESSAGE_TOO_LARGE';
    expect(refused?.requestId !== '').toBe(isSent);
  });

  test('nothing of it was stored', async () => {
    const { providers } = await clients.registry.listProviders({ filter: { text: 'bad' } });
    const { types } = await clients.registry.listTypes({ filter: { text: 'Bad' } });
    const { consumers } = await clients.registry.listConsumers({ filter: { text: 'bad' } });
    const found = [...providers, ...types, ...consumers];
    expect(found.map(({ manifest }) => manifest?.name)).toEqual([]);
    const held = await clients.registry.getProvider({ name: 'held' });
    expect(held.provider?.manifest?.title).toBe('');
    const { tenants } = await clients.admin.listTenants({});
    expect(tenants.map(({ name }) => name)).toEqual(['default']);
  });

  test('nobody gets in without a key, or with that of nobody', async () => {
    for (const key of ['', 'x', `weir_${'0'.repeat(16)}_${'a'.repeat(43)}`]) {
      const refused = await sendRpc(clientsOver(protocol, target(key)), {
        kind: 'fetch',
        request: { refs: [{ type: 'DocChunk', key: 'x' }] },
      });
      expect(refused?.code).toBe('Unauthenticated');
      const missing = key === '' ? 'MISSING' : 'INVALID';
      expect(refused?.reason).toBe(`REASON_CREDENTIAL_${missing}`);
    }
  });

  test('who may only read writes nothing', async () => {
    const reader = clientsOver(protocol, target(readerKey));
    const refused = await sendRpc(reader, { kind: 'provider', document: fixtures.provider });
    expect(refused).toMatchObject({ code: 'PermissionDenied', reason: 'REASON_SCOPE_MISSING' });
    expect(refused?.text).toMatch(/SCOPE_REGISTER/);
  });

  test('duplicates and unknown items in a batch are no fault of the call', async () => {
    const refs = ['README.md', 'no-such-document', 'README.md'].map((key) => ({
      type: 'DocChunk',
      key,
    }));
    const { results } = await clients.router.fetchContext({
      refs: [...refs, { type: 'NoSuchType', key: 'x' }],
    });
    expect(results.map(({ index, outcome }) => [index, outcome.case])).toEqual([
      [0, 'item'],
      [1, 'refusal'],
      [2, 'item'],
      [3, 'refusal'],
    ]);
  });
});

/** What the command line can say too. */
const commandLines = badInputs.flatMap((bad) => {
  const line = commandLineOf(bad.input);
  return line ? [{ ...bad, line }] : [];
});

describe('over the command line', () => {
  test.concurrent.each(commandLines)('$name is refused', async ({ line, ...bad }) => {
    const { url, key } = target();
    const { args, stdin } = line;
    const ran = await runMainFile('cli/src/main.ts', ['--timeout', '60s', ...args], {
      env: { WEIR_URL: url, WEIR_KEY: key },
      stdin,
    });
    expect(ran.exitCode).toBe(exitCodeOf(bad));
    expect(ran.out).toBe('');
    expect(ran.err).toMatch(bad.commandText ?? withoutAnchor(bad.text));
    expect(ran.err).not.toMatch(stack);
    expect(ran.err).not.toMatch(/[^\P{Cc}\n]|\p{Bidi_Control}/u);
  });
});

/** As `weir --help` lists them. */
function exitCodeOf({ code }: BadInput): number {
  return code === Code.InvalidArgument ? 2 : 1;
}

/** The command line names the file before the place. */
function withoutAnchor({ source }: RegExp): RegExp {
  return new RegExp(source.replace(/^\^/, '').replace(/\$$/, ''));
}
