import { create } from '@bufbuild/protobuf';
import { durationFromMs, timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { Clock } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { Effect, PolicySchema } from '@weir/sdk/gen/weir/policy/v1/policy_pb';
import {
  ApiKeySchema,
  type CertificateIdentity,
  CertificateIdentitySchema,
  ConsumerSchema,
  ContextTypeSchema,
  EndpointHealth,
  EndpointKind,
  IssuerSchema,
  LimitsSchema,
  PrincipalKind,
  PrincipalSchema,
  ProviderSchema,
  Scope,
  TenantSchema,
} from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { ToolGroupSchema } from '@weir/sdk/gen/weir/registry/v1/tool_group_pb';
import {
  GrantSchema,
  type SnapshotDelta,
  SnapshotEndpointSchema,
} from '@weir/sdk/gen/weir/registry/v1/watch_pb';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Driver } from './driver.ts';
import { entryDigest } from './entry.ts';
import { openSqlStore } from './sql-store.ts';
import type { Page, Paged, Store } from './store.ts';

const NOW_MS = Date.parse('2026-01-01T00:00:00Z');
const now = timestampFromMs(NOW_MS);

/** A clock that stands still until it is moved. */
function standingClock(): Clock & { move(ms: number): void } {
  let atMs = NOW_MS;
  return {
    wallMs: () => atMs,
    monotonicMs: () => atMs,
    move(ms) {
      atMs += ms;
    },
  };
}

const tenant = (name: string) => create(TenantSchema, { name, title: name, createTime: now });

const provider = (owner: string, name: string, version: string, extra: object = {}) =>
  create(ProviderSchema, {
    tenant: owner,
    manifest: { name, version, contexts: [{ type: 'DocChunk', version: '1.0.0' }], ...extra },
    manifestHash: `${name}${version}`,
    etag: `e-${name}${version}`,
    createTime: now,
    updateTime: now,
  });

const endpoint = (owner: string, id: string, kind: EndpointKind, version = '1.0.0') =>
  create(SnapshotEndpointSchema, {
    tenant: owner,
    provider: 'docs',
    version,
    endpoint: {
      id,
      url: `http://127.0.0.1:1${id.length}/${id}`,
      weight: 100,
      health: EndpointHealth.UP,
      kind,
      healthTime: now,
    },
  });

const principal = (owner: string, name: string, disabled = false) =>
  create(PrincipalSchema, {
    tenant: owner,
    name,
    kind: PrincipalKind.AGENT,
    attributes: { roles: ['reader'], z: 1, a: { b: [true, null, 1.5, 'ü\u0000'] } },
    disabled,
    etag: String(disabled),
    createTime: now,
  });

const key = (owner: string, id: string, who: string, extra: object = {}) => ({
  key: create(ApiKeySchema, {
    id,
    tenant: owner,
    principal: who,
    scopes: [Scope.READ, Scope.ADMIN],
    createTime: now,
    ...extra,
  }),
  secretHash: new Uint8Array(32).fill(id.length),
});

const schema = { type: 'object', properties: { z: {}, a: { const: 'x\u0000' } }, $id: 'q' };

const type = (owner: string, typeName: string, version: string) =>
  create(ContextTypeSchema, {
    tenant: owner,
    manifest: { name: typeName, version, title: '100% _fine_', tags: ['t1'], schema },
    manifestHash: version,
    createTime: now,
  });

const policy = (owner: string, policyName: string, version: number) =>
  create(PolicySchema, {
    tenant: owner,
    manifest: {
      name: policyName,
      description: 'any \u0000 text',
      rules: Array.from({ length: version }, (_, i) => ({ name: `r${i}`, effect: Effect.ALLOW })),
    },
    ...{ version, manifestHash: `h${version}`, etag: `e${version}`, createTime: now },
    ...{ author: 'ann', comment: `why ${version}` },
  });

const issuer = (owner: string, issuerName: string, audiences: string[]) =>
  create(IssuerSchema, {
    ...{ tenant: owner, name: issuerName, url: 'https://id.example/', audiences, etag: 'e' },
    ...{ principalClaim: 'email', principalPrefix: 'sso:', algorithms: ['ES256'] },
    ...{ attributeClaims: { roles: 'realm.roles' }, scopes: [Scope.READ], consumer: 'page' },
    createTime: now,
  });

const certificate = (owner: string, certificateName: string, match: CertificateIdentity['match']) =>
  create(CertificateIdentitySchema, {
    ...{ tenant: owner, name: certificateName, match, principal: 'cat', consumer: 'page' },
    ...{ scopes: [Scope.READ], permits: ['fetch:DocChunk'], createTime: now },
  });

/** What every store does, whatever its driver. Opens an empty database for the suite. */
export function describeStore(name: string, openDriver: () => Promise<Driver>): void {
  describe(`store on ${name}`, () => {
    const clock = standingClock();
    let store: Store;

    const heldIds = async (kind: string) =>
      (await store.snapshot()).entries
        .map((one) => one.id)
        .filter((id) => id.startsWith(`${kind}/`));

    beforeAll(async () => {
      store = await openSqlStore(await openDriver(), clock);
    });
    afterAll(async () => {
      await store?.[Symbol.asyncDispose]();
    });

    test('numbers what a transaction wrote with one revision', async () => {
      const before = await store.position();
      const written = await store.transact(async (tx) => {
        await tx.putTenant(tenant('acme'));
        await tx.putTenant(tenant('bolt'));
        return 'done';
      });
      expect(written.value).toBe('done');
      expect(written.revision).toBe(before.revision + 1n);
      expect(written.epoch).toBe(before.epoch);
      expect((await store.position()).revision).toBe(written.revision);
    });

    test('a transaction that writes nothing, or fails, leaves no revision', async () => {
      const before = await store.position();
      const idle = await store.transact(async (tx) => await tx.tenant('acme'));
      expect(idle.revision).toBe(before.revision);
      const failing = store.transact(async (tx) => {
        await tx.putTenant(tenant('ghost'));
        throw new Error('changed my mind');
      });
      await expect(failing).rejects.toThrow('changed my mind');
      expect(await store.position()).toEqual(before);
      expect(await store.tenant('ghost')).toBeUndefined();
    });

    test('writers that meet are put in line, and nothing is lost', async () => {
      const before = await store.position();
      const names = ['w-one', 'w-two', 'w-three', 'w-four'];
      const written = await Promise.all(
        names.map((one) => store.transact((tx) => tx.putTenant(tenant(one)))),
      );
      const revisions = written.map((one) => one.revision).sort();
      expect(revisions).toEqual(names.map((_, i) => before.revision + BigInt(i + 1)));
      await expectWholeDigest(store);
    });

    test('types: built in and own, newest first, schemas in their order', async () => {
      await store.transact(async (tx) => {
        await tx.putType(type('', 'DocChunk', '1.0.0'));
        for (const version of ['1.0.0', '1.10.0', '1.9.0', '2.0.0-beta.2', '2.0.0-beta.10']) {
          await tx.putType(type('acme', 'Invoice', version));
        }
        await tx.putType(type('bolt', 'Secret', '1.0.0'));
      });
      const versions = await store.typeVersions('acme', 'Invoice');
      expect(versions.map((one) => one.manifest?.version)).toEqual([
        '2.0.0-beta.10',
        '2.0.0-beta.2',
        '1.10.0',
        '1.9.0',
        '1.0.0',
      ]);
      expect(JSON.stringify(versions[0]?.manifest?.schema)).toBe(JSON.stringify(schema));
      const listed = await pages((page) => store.types('acme', {}, page), 2);
      expect(listed.map((one) => `${one.tenant}/${one.manifest?.name}`)).toEqual([
        '/DocChunk',
        ...Array(5).fill('acme/Invoice'),
      ]);
      expect(listed.every((one) => one.manifest?.schema === undefined)).toBe(true);
      const found = async (word: string) =>
        (await store.types('acme', { words: [word] }, { size: 50 })).items.length;
      expect(await found('100%')).toBe(6);
      expect(await found('100x')).toBe(0);
      expect(await found('_FINE_')).toBe(6);
      expect(await found('f_ne')).toBe(0);
      await store.transact((tx) => tx.deleteType('acme', 'Invoice', '1.9.0'));
      expect(await store.type('acme', 'Invoice', '1.9.0')).toBeUndefined();
      await expectWholeDigest(store);
    });

    test('a tenant has so many things of a kind, and what there is can still be changed', async () => {
      const putMany = (owner: string, from: number, to: number) =>
        store.transact(async (tx) => {
          for (let i = from; i < to; i++) await tx.putType(type(owner, 'Many', `1.0.${i}`));
        });
      await putMany('full', 0, 999);
      const before = await store.position();
      await expect(putMany('full', 999, 1001)).rejects.toMatchObject({ reason: Reason.TOO_MANY });
      expect(await store.position()).toEqual(before);
      await putMany('full', 998, 1000);
      await putMany('bolt', 0, 1);
    });

    test('providers: found by word, tag, type and category, in pages', async () => {
      await store.transact(async (tx) => {
        await tx.putProvider(
          provider('acme', 'docs', '1.0.0', { title: 'The Manual', tags: ['a', 'b'] }),
        );
        await tx.putProvider(provider('acme', 'docs', '1.1.0', { category: 'documents' }));
        await tx.putProvider(provider('acme', 'crm', '0.1.0', { description: 'sales manual' }));
        await tx.putProvider(provider('bolt', 'docs', '9.0.0'));
      });
      const names = async (filter: object) =>
        (await store.providers('acme', filter, { size: 50 })).items.map(
          ({ manifest }) => `${manifest?.name}@${manifest?.version}`,
        );
      expect(await names({})).toEqual(['crm@0.1.0', 'docs@1.1.0', 'docs@1.0.0']);
      expect(await names({ words: ['MANUAL'] })).toEqual(['crm@0.1.0', 'docs@1.0.0']);
      expect(await names({ words: ['manual', 'the'] })).toEqual(['docs@1.0.0']);
      expect(await names({ tag: 'b' })).toEqual(['docs@1.0.0']);
      expect(await names({ category: 'documents' })).toEqual(['docs@1.1.0']);
      expect(await names({ type: 'Metric' })).toEqual([]);
      expect(await names({ type: 'DocChunk' })).toHaveLength(3);
      expect(await pages((page) => store.providers('acme', {}, page), 1)).toHaveLength(3);
      const offer = { type: 'DocChunk', version: '1.0.0' };
      expect(await store.providersOffering('acme', offer, 2)).toHaveLength(2);
      const held = await store.provider({ tenant: 'acme', name: 'docs', version: '1.0.0' });
      expect(held).toEqual(
        provider('acme', 'docs', '1.0.0', { title: 'The Manual', tags: ['a', 'b'] }),
      );
    });

    test('leases: renewed without a revision, found when they run out', async () => {
      await store.transact(async (tx) => {
        await tx.putEndpoint(endpoint('acme', 'e1', EndpointKind.LEASED), NOW_MS + 100);
        await tx.putEndpoint(endpoint('acme', 'e22', EndpointKind.STATIC));
      });
      const before = await store.position();
      expect(await store.endpointsExpiredBefore(NOW_MS + 100)).toEqual([]);
      expect(await store.endpointsExpiredBefore(NOW_MS + 101)).toHaveLength(1);
      const renewed = await store.renewLeases('acme', ['e1', 'e22', 'nope'], NOW_MS + 200);
      expect(renewed).toEqual([{ id: 'e1', down: false }]);
      expect(await store.renewLeases('bolt', ['e1'], NOW_MS + 900)).toEqual([]);
      expect(await store.endpointsExpiredBefore(NOW_MS + 101)).toEqual([]);
      await store.renewAllLeases(NOW_MS + 300);
      expect(await store.endpointsExpiredBefore(NOW_MS + 300)).toEqual([]);
      expect(await store.position()).toEqual(before);
      expect((await store.staticEndpoints()).map((one) => one.endpoint?.id)).toEqual(['e22']);
      expect(await store.endpointsOf('acme', 'docs')).toHaveLength(2);
    });

    test('a change of an endpoint leaves its lease as it is', async () => {
      const down = endpoint('acme', 'e1', EndpointKind.LEASED);
      if (down.endpoint) down.endpoint.health = EndpointHealth.DOWN;
      await store.transact((tx) => tx.putEndpoint(down));
      expect(await store.endpointsExpiredBefore(NOW_MS + 301)).toHaveLength(1);
      expect(await store.renewLeases('acme', ['e1'], NOW_MS + 300)).toEqual([
        { id: 'e1', down: true },
      ]);
      await store.renewAllLeases(NOW_MS + 900);
      expect(await store.endpointsExpiredBefore(NOW_MS + 301)).toHaveLength(1);
    });

    test('a provider version goes with its endpoints, the last one with the grants', async () => {
      const grant = create(GrantSchema, {
        tenant: 'acme',
        provider: 'docs',
        consumingTenant: 'bolt',
      });
      await store.transact((tx) => tx.putGrant(grant));
      const docs = { tenant: 'acme', name: 'docs' };
      await store.transact((tx) => tx.deleteProvider({ ...docs, version: '1.0.0' }));
      expect(await store.endpointsOf('acme', 'docs')).toEqual([]);
      expect(await store.grants('acme', 'docs')).toEqual([grant]);
      await store.transact((tx) => tx.deleteProvider({ ...docs, version: '1.1.0' }));
      expect(await store.grants('acme', 'docs')).toEqual([]);
      const held = (await store.snapshot()).entries.map((one) => one.id);
      expect(held.filter((id) => /^(endpoint|grant)\//.test(id))).toEqual([]);
      expect(held).toContain('provider/bolt/docs/9.0.0');
      await expectWholeDigest(store);
    });

    test('consumers', async () => {
      const consumer = create(ConsumerSchema, {
        tenant: 'acme',
        manifest: {
          name: 'copilot',
          tags: ['x'],
          pins: [{ target: { case: 'type', value: 'DocChunk' }, versionRange: '^1' }],
        },
        etag: 'e',
        createTime: now,
        updateTime: now,
      });
      await store.transact((tx) => tx.putConsumer(consumer));
      expect(await store.consumer('acme', 'copilot')).toEqual(consumer);
      const found = async (filter: object) =>
        (await store.consumers('acme', filter, { size: 5 })).items.length;
      expect(await found({ type: 'DocChunk', tag: 'x', words: ['pilot'] })).toBe(1);
      expect(await found({ type: 'Metric' })).toBe(0);
      await store.transact((tx) => tx.deleteConsumer('acme', 'copilot'));
      expect(await store.consumer('acme', 'copilot')).toBeUndefined();
    });

    test('policies: the newest version is in force, and older ones are kept', async () => {
      const put = (name: string, version: number) =>
        store.transact((tx) => tx.putPolicy(policy('acme', name, version)));
      await put('hr', 1);
      await put('hr', 2);
      await put('base', 1);
      expect(await store.policy('acme', 'hr')).toEqual(policy('acme', 'hr', 2));
      expect(await store.policy('acme', 'hr', 1)).toEqual(policy('acme', 'hr', 1));
      expect(await store.policy('acme', 'hr', 3)).toBeUndefined();
      expect(await store.policy('bolt', 'hr')).toBeUndefined();
      const inForce = await store.policiesInForce('acme');
      expect(inForce.map((one) => [one.manifest?.name, one.version])).toEqual([
        ['base', 1],
        ['hr', 2],
      ]);
      const listed = await pages((page) => store.policies('acme', page), 1);
      expect(listed).toMatchObject([
        { name: 'base', version: 1, rules: 1, inForce: true },
        { name: 'hr', version: 2, rules: 2, author: 'ann', comment: 'why 2', inForce: true },
      ]);
      const versions = await store.policyVersions('acme', 'hr');
      expect(versions.map(({ version, inForce }) => [version, inForce])).toEqual([
        [2, true],
        [1, false],
      ]);
      expect(await heldIds('policy')).toEqual(['policy/acme/base', 'policy/acme/hr']);
      await expectWholeDigest(store);
    });

    test('policies: a hundred versions are kept, and all go together', async () => {
      await store.transact(async (tx) => {
        for (let version = 1; version <= 102; version += 1) {
          await tx.putPolicy(policy('acme', 'busy', version));
        }
      });
      const versions = await store.policyVersions('acme', 'busy');
      expect(versions).toHaveLength(100);
      expect(versions.at(-1)?.version).toBe(3);
      await store.transact((tx) => tx.deletePolicy('acme', 'busy'));
      expect(await store.policyVersions('acme', 'busy')).toEqual([]);
      expect(await heldIds('policy')).not.toContain('policy/acme/busy');
      await expectWholeDigest(store);
    });

    test('issuers: a pair of URL and audience belongs to one', async () => {
      const put = (one: ReturnType<typeof issuer>) => store.transact((tx) => tx.putIssuer(one));
      const first = issuer('acme', 'sso', ['api', 'cli']);
      await put(first);
      expect(await store.issuer('acme', 'sso')).toEqual(first);
      expect(await store.issuerOf(first.url, 'cli')).toEqual(first);
      await expect(put(issuer('bolt', 'sso', ['cli']))).rejects.toThrow();
      expect(await store.issuer('bolt', 'sso')).toBeUndefined();
      await put(issuer('acme', 'sso', ['api']));
      expect(await store.issuerOf(first.url, 'cli')).toBeUndefined();
      await put(issuer('bolt', 'sso', ['cli']));
      expect((await store.issuerOf(first.url, 'cli'))?.tenant).toBe('bolt');
      await put(issuer('acme', 'other', ['x']));
      expect(await pages((page) => store.issuers('acme', page), 1)).toHaveLength(2);
      expect(await heldIds('issuer')).toHaveLength(3);
      await store.transact((tx) => tx.deleteIssuer('acme', 'other'));
      expect(await store.issuerOf(first.url, 'x')).toBeUndefined();
      await put(issuer('bolt', 'other', ['x']));
      await expectWholeDigest(store);
    });

    test('tool groups, and the keys that are of one', async () => {
      const group = (name: string, tools: string[]) =>
        create(ToolGroupSchema, {
          ...{ tenant: 'acme', name, tools, version: 1n, createTime: now },
          settings: [{ tool: 'a__b', timeout: durationFromMs(500), arguments: { deep: [1] } }],
        });
      const put = (one: ReturnType<typeof group>) => store.transact((tx) => tx.putToolGroup(one));
      await put(group('one', ['a__*']));
      await put(group('two', []));
      await put(group('one', ['b__*']));
      expect(await store.toolGroup('acme', 'one')).toEqual(group('one', ['b__*']));
      expect(await store.toolGroup('bolt', 'one')).toBeUndefined();
      expect(await pages((page) => store.toolGroups('acme', page), 1)).toHaveLength(2);
      expect(await heldIds('toolgroup')).toEqual(['toolgroup/acme/one', 'toolgroup/acme/two']);
      await store.transact((tx) => tx.deleteToolGroup('acme', 'one'));
      expect(await heldIds('toolgroup')).toEqual(['toolgroup/acme/two']);
      await expectWholeDigest(store);
    });

    test('certificates: who stands in one belongs to one, and goes with its principal', async () => {
      const spiffe = { case: 'spiffeId', value: 'spiffe://example.org/a' } as const;
      const subject = { case: 'subject', value: 'CN=a,O=Ü' } as const;
      const put = (one: ReturnType<typeof certificate>) =>
        store.transact((tx) => tx.putCertificate(one));
      await store.transact((tx) => tx.putPrincipal(principal('acme', 'cat')));
      await put(certificate('acme', 'one', spiffe));
      await put(certificate('acme', 'two', subject));
      expect(await store.certificate('acme', 'two')).toEqual(certificate('acme', 'two', subject));
      expect((await store.certificateOf(spiffe))?.name).toBe('one');
      expect(await store.certificateOf({ case: undefined })).toBeUndefined();
      await expect(put(certificate('bolt', 'three', spiffe))).rejects.toThrow();
      const other = { case: 'subject', value: 'CN=b' } as const;
      await put(certificate('acme', 'one', other));
      expect(await store.certificateOf(spiffe)).toBeUndefined();
      expect(await store.certificate('acme', 'one')).toEqual(certificate('acme', 'one', other));
      expect(await pages((page) => store.certificates('acme', {}, page), 1)).toHaveLength(2);
      await store.transact((tx) => tx.deleteCertificate('acme', 'one'));
      expect(await heldIds('certificate')).toEqual(['certificate/acme/two']);
      await store.transact((tx) => tx.deletePrincipal('acme', 'cat'));
      expect(await heldIds('certificate')).toEqual([]);
      expect(await store.certificateOf(subject)).toBeUndefined();
      await expectWholeDigest(store);
    });

    test('what tenants and principals may take, set and taken back', async () => {
      const limits = create(LimitsSchema, { itemsPerSecond: 5n, bytesPerDay: 2n ** 53n - 1n });
      const auditRetention = durationFromMs(86_400_000);
      const bounded = create(TenantSchema, {
        ...{ name: 'bounded', title: '', createTime: now, etag: 'e1' },
        ...{ limits, auditRetention },
      });
      const plain = create(TenantSchema, { ...tenant('bounded'), etag: 'e2' });
      for (const one of [bounded, plain]) {
        await store.transact((tx) => tx.putTenant(one));
        expect(await store.tenant('bounded')).toEqual(one);
      }
      const dan = principal('bounded', 'dan');
      for (const one of [{ ...dan, limits }, dan]) {
        await store.transact((tx) => tx.putPrincipal(one));
        expect(await store.principal('bounded', 'dan')).toEqual(one);
      }
    });

    test('routers hold only keys that may be used', async () => {
      const heldKeys = async () =>
        (await store.snapshot()).entries
          .map((one) => one.id)
          .filter((id) => id.startsWith('key/acme/'));
      await store.transact(async (tx) => {
        await tx.putPrincipal(principal('acme', 'ann'));
        await tx.putKey(key('acme', 'k1', 'ann', { permits: ['list:*'], requiresSignature: true }));
        await tx.putKey(key('acme', 'k2', 'ann', { consumer: 'copilot' }));
      });
      expect(await store.principal('acme', 'ann')).toEqual(principal('acme', 'ann'));
      expect(await store.key('acme', 'k1')).toEqual(
        key('acme', 'k1', 'ann', { permits: ['list:*'], requiresSignature: true }),
      );
      expect(await heldKeys()).toEqual(['key/acme/k1', 'key/acme/k2']);
      await store.transact((tx) => tx.putPrincipal(principal('acme', 'ann', true)));
      expect(await heldKeys()).toEqual([]);
      await store.transact((tx) => tx.putKey(key('acme', 'k1', 'ann', { revokeTime: now })));
      await store.transact((tx) => tx.putPrincipal(principal('acme', 'ann')));
      expect(await heldKeys()).toEqual(['key/acme/k2']);
      const unrevoked = { consumer: 'copilot', unrevoked: true };
      expect((await store.keys('acme', unrevoked, { size: 1 })).items).toHaveLength(1);
      expect(await pages((page) => store.keys('acme', {}, page), 1)).toHaveLength(2);
      await store.transact((tx) => tx.deletePrincipal('acme', 'ann'));
      expect(await heldKeys()).toEqual([]);
      expect(await store.key('acme', 'k2')).toBeUndefined();
      await expectWholeDigest(store);
    });

    test('a snapshot followed by its deltas is the next snapshot', async () => {
      const first = await store.snapshot();
      await store.transact((tx) => tx.putTenant(tenant('acme')));
      await store.transact(async (tx) => {
        await tx.putProvider(provider('acme', 'late', '1.0.0'));
        await tx.deleteProvider({ tenant: 'bolt', name: 'docs', version: '9.0.0' });
      });
      const deltas = await store.changesAfter(first.revision, 10);
      const held = new Map(first.entries.map((one) => [one.id, one]));
      for (const delta of deltas ?? []) apply(held, delta);
      const next = await store.snapshot();
      expect([...held.keys()].sort()).toEqual(next.entries.map((one) => one.id).sort());
      expect(next.entries.map((one) => held.get(one.id))).toEqual([...next.entries]);
      expect(deltas?.at(-1)?.digest).toBe(next.digest);
      expect(await store.changesAfter(first.revision, 1)).toHaveLength(1);
      expect(await store.changesAfter(next.revision, 1)).toEqual([]);
      expect(await store.changesAfter(next.revision + 5n, 1)).toBeUndefined();
    });

    test('a snapshot never dangles', async () => {
      const { entries } = await store.snapshot();
      const kinds = entries.map((one) => one.id.split('/')[0] ?? '');
      const order =
        'tenant type provider endpoint grant policy consumer principal issuer certificate key toolgroup'.split(
          ' ',
        );
      const ranks = kinds.map((kind) => order.indexOf(kind));
      expect(ranks).toEqual([...ranks].sort((a, b) => a - b));
    });

    test('old changes are forgotten by number and by age', async () => {
      const { revision } = await store.position();
      await store.pruneChanges(2, NOW_MS);
      expect(await store.changesAfter(revision - 3n, 10)).toBeUndefined();
      expect(await store.changesAfter(revision - 2n, 10)).toHaveLength(2);
      await store.pruneChanges(2, NOW_MS + 1);
      expect(await store.changesAfter(revision - 1n, 10)).toBeUndefined();
      expect(await store.changesAfter(revision, 10)).toEqual([]);
    });

    test('wakes who waits for changes', async () => {
      const woken = Promise.withResolvers<void>();
      await using _ = await store.onChange(woken.resolve);
      await store.transact((tx) => tx.putTenant(tenant('waking')));
      await woken.promise;
    });

    test('one of several does a duty', async () => {
      const hold = (holder: string, nowMs: number) =>
        store.holdDuty('d', holder, nowMs, nowMs + 100);
      expect(await hold('one', NOW_MS)).toBe(true);
      expect(await hold('two', NOW_MS + 50)).toBe(false);
      expect(await hold('one', NOW_MS + 50)).toBe(true);
      expect(await hold('two', NOW_MS + 151)).toBe(true);
      await store.releaseDuties('two');
      expect(await hold('one', NOW_MS + 152)).toBe(true);
    });

    test('queries only read', async () => {
      const rows = await store.query('select name from tenants where name = $1', ['acme']);
      expect(rows).toEqual([{ name: 'acme' }]);
      await expect(store.query('delete from tenants', [])).rejects.toThrow(/read-only/);
      expect(await store.tenant('acme')).toBeDefined();
    });
  });
}

/** Walks all pages of a list. */
async function pages<T>(read: (page: Page) => Promise<Paged<T>>, size: number): Promise<T[]> {
  const all: T[] = [];
  let page: Page | undefined = { size };
  while (page) {
    const { items, after }: Paged<T> = await read(page);
    expect(items.length).toBeLessThanOrEqual(size);
    all.push(...items);
    page = after && { size, after };
  }
  return all;
}

function apply(held: Map<string, SnapshotDelta['entries'][number]>, delta: SnapshotDelta): void {
  for (const entry of delta.entries) {
    if (entry.body.case === undefined) held.delete(entry.id);
    else held.set(entry.id, entry);
  }
}

/** The digest kept along the way is the one of all entries. */
async function expectWholeDigest(store: Store): Promise<void> {
  const { entries, digest } = await store.snapshot();
  const whole = entries.reduce((sum, one) => sum ^ entryDigest(one.id, one.revision), 0n);
  expect(digest).toBe(whole);
}
