import { create } from '@bufbuild/protobuf';
import { Code } from '@connectrpc/connect';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { type Provider, ProviderSchema, Scope } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { beforeEach, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { runWeir, type World } from '../../test/run-weir.ts';
import { type Answers, serveWeir, testKey, weirError } from '../../test/weir-server.ts';

const manifest = `kind: Provider
name: docs
version: 1.0.0
title: Documents
contexts:
  - type: DocChunk
    version: 1.0.0
`;

const faults = [
  { field: '3:10 version', description: 'is not semver; write it as in 1.2.3' },
  { field: '6:11 contexts[0].type', description: 'is not a type' },
];

let registered: Map<string, Provider>;
let etags: string[];

beforeEach(() => {
  registered = new Map();
  etags = [];
});

function providerOf(document: string): Provider {
  const { kind: _kind, ...fields } = parse(document);
  const key = `${fields.name}@${fields.version}`;
  const etag = `e${registered.size}`;
  const provider = create(ProviderSchema, { manifest: fields, etag, tenant: 'main' });
  registered.set(key, provider);
  return provider;
}

const registry: NonNullable<Answers['registry']> = {
  registerProvider({ source }) {
    const text = source.case === 'document' ? source.value : '';
    if (text.includes('bad')) {
      throw weirError(Code.InvalidArgument, Reason.INVALID_MANIFEST, 'two faults', faults);
    }
    if (registered.size > 0) {
      const text = 'docs@1.0.0 is registered with other content';
      throw weirError(Code.AlreadyExists, Reason.ALREADY_EXISTS, text);
    }
    return { provider: providerOf(text) };
  },
  updateProvider({ source, etag }) {
    etags.push(etag);
    return { provider: providerOf(source.case === 'document' ? source.value : '') };
  },
  getProvider({ name, version }) {
    const provider = registered.get(`${name}@${version}`);
    if (provider) return { provider };
    throw weirError(Code.NotFound, Reason.NOT_FOUND, `there is no provider "${name}"`);
  },
  listProviders: ({ filter }) => ({
    providers: filter?.tag === 'none' ? [] : [...registered.values()],
  }),
  deregisterProvider: () => ({ versions: ['1.1.0', '1.0.0'] }),
};

async function weir(args: string[], world?: World) {
  await using server = await serveWeir({ registry });
  return await runWeir([...args, '--url', server.url], world);
}

describe('weir provider', () => {
  test('registers from standard input, lists and shows', async () => {
    const ran = await weir(['provider', 'register', '-'], { stdin: manifest });
    expect(ran).toEqual({ code: 0, out: 'registered docs@1.0.0\n', err: '' });

    expect((await weir(['provider', 'list'])).out).toBe(
      'NAME  VERSION  TYPES     ENDPOINTS  TITLE\n' +
        'docs  1.0.0    DocChunk  none       Documents\n',
    );
    expect((await weir(['provider', 'list', '--tag', 'none'])).out).toBe('No providers.\n');

    const { out } = await weir(['provider', 'get', 'docs@1.0.0']);
    expect(out).toContain('provider  docs@1.0.0\n');
    expect(out).toMatch(/types\n {2}TYPE +VERSION +KEYS/);
    expect(out).toContain('endpoints\n  none\n');

    const json = JSON.parse((await weir(['provider', 'get', 'docs@1.0.0', '--json'])).out);
    expect(json.provider.manifest).toMatchObject({
      name: 'docs',
      contexts: [{ type: 'DocChunk' }],
    });
  });

  test('shows all faults with file, line and column', async () => {
    const ran = await weir(['provider', 'register', '-'], { stdin: 'name: bad' });
    expect(ran.code).toBe(2);
    expect(ran.err).toBe(
      'weir: <stdin> has 2 faults:\n' +
        '  <stdin>:3:10 version: is not semver; write it as in 1.2.3\n' +
        '  <stdin>:6:11 contexts[0].type: is not a type\n',
    );
  });

  test('says how to replace what is registered, and replaces it', async () => {
    await weir(['provider', 'register', '-'], { stdin: manifest });
    const ran = await weir(['provider', 'register', '-'], { stdin: manifest });
    expect(ran.code).toBe(1);
    expect(ran.err).toContain('other content\nReplace it with --update.\n');

    const args = ['provider', 'register', '--update', '-'];
    const updated = await weir(args, { stdin: manifest });
    expect(updated).toMatchObject({ code: 0, out: 'updated docs@1.0.0\n' });
    expect(etags).toEqual(['e0']);
  });

  test('registers with --update what is not registered yet', async () => {
    const ran = await weir(['provider', 'register', '--update', '-', '--json'], {
      stdin: manifest,
    });
    expect(ran.code).toBe(0);
    expect(JSON.parse(ran.out).results[0].provider.manifest.name).toBe('docs');
  });

  test('changes nothing when a file does not exist', async () => {
    const ran = await weir(['provider', 'register', '-', 'nope.yaml'], { stdin: manifest });
    expect(ran).toMatchObject({
      code: 2,
      out: '',
      err: 'weir: The file nope.yaml does not exist.\n',
    });
    expect(registered.size).toBe(0);
  });

  test('deregisters all versions', async () => {
    expect((await weir(['provider', 'deregister', 'docs'])).out).toBe(
      'deregistered docs@1.1.0\nderegistered docs@1.0.0\n',
    );
    const ran = await weir(['provider', 'get', 'nope']);
    expect(ran).toMatchObject({ code: 1, err: 'weir: there is no provider "nope"\n' });
  });
});

describe('weir type and weir consumer', () => {
  const answers: Answers = {
    registry: {
      publishType: () => ({
        type: { tenant: 'main', manifest: { name: 'Ticket', version: '1.0.0' } },
      }),
      listTypes: () => ({
        types: [
          {
            manifest: {
              name: 'DocChunk',
              version: '1.0.0',
              title: 'Document part',
              compatibility: 1,
            },
          },
          { tenant: 'main', manifest: { name: 'Ticket', version: '1.0.0' } },
        ],
      }),
      getType: () => ({
        type: { manifest: { name: 'DocChunk', version: '1.0.0', schema: { type: 'object' } } },
      }),
      registerConsumer: () => ({ consumer: { manifest: { name: 'copilot' } } }),
      getConsumer: () => ({
        consumer: {
          tenant: 'main',
          manifest: {
            name: 'copilot',
            pins: [{ target: { case: 'type', value: 'DocChunk' }, versionRange: '^1' }],
          },
        },
      }),
      listConsumers: () => ({ consumers: [{ manifest: { name: 'copilot', category: 'agent' } }] }),
      deregisterConsumer() {
        throw weirError(Code.FailedPrecondition, Reason.IN_USE, 'key k1 names copilot');
      },
    },
  };
  const ask = async (args: string[]) => {
    await using server = await serveWeir(answers);
    return await runWeir([...args, '--url', server.url], { stdin: 'name: Ticket' });
  };

  test('publish, list and show types', async () => {
    expect((await ask(['type', 'publish', '-'])).out).toBe('published Ticket@1.0.0\n');
    expect((await ask(['type', 'list'])).out).toBe(
      'NAME      VERSION  OWNER     COMPATIBILITY  TITLE\n' +
        'DocChunk  1.0.0    built in  backward       Document part\n' +
        'Ticket    1.0.0    main\n',
    );
    expect((await ask(['type', 'get', 'DocChunk'])).out).toContain(
      'schema\n  {\n    "type": "object"\n  }\n',
    );
  });

  test('register, list, show and remove consumers', async () => {
    expect((await ask(['consumer', 'register', '-'])).out).toBe('registered copilot\n');
    expect((await ask(['consumer', 'list'])).out).toBe('NAME     CATEGORY\ncopilot  agent\n');
    expect((await ask(['consumer', 'get', 'copilot'])).out).toContain('pins      DocChunk@^1\n');
    expect(await ask(['consumer', 'deregister', 'copilot'])).toMatchObject({
      code: 1,
      err: 'weir: key k1 names copilot\n',
    });
  });
});

describe('weir key, tenant and whoami', () => {
  const secret = 'weir_new_secret';
  let created: Record<string, unknown>;
  const answers: Answers = {
    admin: {
      createKey(request) {
        created = { ...request };
        const { principal, scopes, expireTime } = request;
        return { secret, key: { id: 'new', principal, scopes, ...(expireTime && { expireTime }) } };
      },
      listKeys: () => ({ keys: [{ id: 'new', principal: 'ci', scopes: [Scope.READ] }] }),
      revokeKey: ({ id }) => ({ key: { id } }),
      createTenant: ({ name }) => ({ tenant: { name }, secret, key: { id: 'new', tenant: name } }),
      listTenants() {
        throw weirError(
          Code.PermissionDenied,
          Reason.SCOPE_MISSING,
          'this needs the scope platform',
        );
      },
      whoAmI: () => ({ tenant: 'main', principal: 'admin', keyId: 'k1', scopes: [1, 2, 3, 4] }),
    },
  };
  const ask = async (...args: string[]) => {
    await using server = await serveWeir(answers);
    return await runWeir([...args, '--url', server.url]);
  };

  test('a new key is shown once', async () => {
    const before = Date.now();
    const options = ['--principal', 'ci', '--scope', 'read,register', '--expires', '30d'];
    const { code, out } = await ask('key', 'create', ...options);
    expect(code).toBe(0);
    expect(out).toContain(`\n  ${secret}\n`);
    expect(out).toContain('scopes     read, register\n');
    expect(created).toMatchObject({ principal: 'ci', scopes: [Scope.READ, Scope.REGISTER] });
    const { seconds } = created.expireTime as { seconds: bigint };
    expect(Number(seconds) * 1_000 - before).toBeCloseTo(30 * 86_400_000, -5);

    const json = JSON.parse((await ask('key', 'create', '--principal', 'ci', '--json')).out);
    expect(json.secret).toBe(secret);
  });

  test('keys are listed without themselves, and revoked by id', async () => {
    expect((await ask('key', 'list')).out).toBe('ID   PRINCIPAL  SCOPES\nnew  ci         read\n');
    expect((await ask('key', 'revoke', 'new')).out).toBe('revoked new\n');
    const ran = await ask('key', 'revoke', testKey);
    expect(ran).toMatchObject({ code: 2, out: '' });
    expect(ran.err).not.toContain(testKey);
  });

  test('a new tenant comes with the key of its administrator', async () => {
    const { out } = await ask('tenant', 'create', 'acme');
    expect(out).toContain('created tenant acme\n');
    expect(out).toContain(`\n  ${secret}\n`);
  });

  test('what the key may not do is refused', async () => {
    const ran = await ask('tenant', 'list');
    expect(ran.code).toBe(3);
    expect(ran.err).toContain('this needs the scope platform\n');
    expect(ran.err).toContain('`weir whoami` shows');
  });

  test('whoami', async () => {
    expect((await ask('whoami')).out).toBe(
      'tenant     main\nprincipal  admin\nkey        k1\nscopes     read, register, admin, platform\n',
    );
  });
});
