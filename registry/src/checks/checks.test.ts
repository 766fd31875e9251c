import { Code, ConnectError } from '@connectrpc/connect';
import { createLogger, JobError, WeirError } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import type { ContextTypeManifest } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { expect, test } from 'vitest';
import { consumerKind, providerKind, typeKind } from '../manifest/kinds.ts';
import type { ManifestSource } from '../manifest/read-manifest.ts';
import { openTestRegistry } from '../test-registry.ts';
import { openChecks } from './checks.ts';
import { faultyDocument, manyAlternatives } from './hostile.ts';

const log = createLogger({ name: 'test', level: 'silent' });
const document = <T>(value: string): ManifestSource<T> => ({ case: 'document', value });
const who = { tenant: 't', signal: new AbortController().signal };
const provider =
  'name: docs\nversion: 1.0.0\ncontexts:\n  - { type: Doc, version: 1.0.0, ttl: 5s }\n';

async function refusalOf(check: Promise<unknown>): Promise<WeirError> {
  const error = await check.catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(WeirError);
  return error as WeirError;
}

test('what is read in a thread is what was written, with its places', async () => {
  await using checks = openChecks(log);
  const read = await checks.read(providerKind, document(provider), who);
  expect(read.manifest).toMatchObject({
    $typeName: 'weir.registry.v1.ProviderManifest',
    contexts: [{ type: 'Doc', ttl: { seconds: 5n, nanos: 0 } }],
  });
  const later = read.refuse([{ path: ['contexts', 0, 'type'], text: 'is not known' }]);
  expect(later.message).toBe('4:13 contexts[0].type: is not known');
  const again = await checks.read(providerKind, { case: 'manifest', value: read.manifest }, who);
  expect(again.hash).toBe(read.hash);
  expect(again.manifest).toEqual(read.manifest);
  // A message that is too large to be checked at once goes to a thread.
  const value = { ...read.manifest, description: 'x\n'.repeat(3000) };
  const long = await refusalOf(checks.read(providerKind, { case: 'manifest', value }, who));
  expect(long.message).toMatch(/^description: longer than 4000 characters/);
  const whole = { ...read.manifest, tags: Array.from({ length: 32 }, (_, i) => `${i}`.repeat(31)) };
  const large = { ...whole, description: 'é'.repeat(3900) };
  const found = await checks.read(providerKind, { case: 'manifest', value: large }, who);
  expect(found.manifest).toEqual(large);
});

test('what is faulty is refused with its place and reason', async () => {
  await using checks = openChecks(log);
  const consumer = await refusalOf(checks.read(consumerKind, document('name: "-"'), who));
  expect(consumer.reason).toBe(Reason.INVALID_MANIFEST);
  expect(consumer.violations[0]?.field).toBe('1:7 name');
  const type = 'name: A\nversion: 1.0.0\nschema:\n  properties:\n    a: { type: text }\n';
  const schema = await refusalOf(checks.read(typeKind, document(type), who));
  expect(schema.reason).toBe(Reason.INVALID_SCHEMA);
  expect(schema.violations[0]?.field).toBe('5:16 schema.properties.a.type');
  const nothing = await refusalOf(checks.read(typeKind, { case: undefined }, who));
  expect(nothing.reason).toBe(Reason.MALFORMED_REQUEST);
});

test('documents that take too long to check are refused as that', async () => {
  await using checks = openChecks(log, { timeoutMs: 50 });
  const manifest = await refusalOf(checks.read(providerKind, document(faultyDocument), who));
  expect(manifest.reason).toBe(Reason.INVALID_MANIFEST);
  expect(manifest.message).toMatch(/^manifest: takes longer than 0.05 s to check; make it simpler/);
  const type = await refusalOf(checks.read(typeKind, document(faultyDocument), who));
  expect(type.reason).toBe(Reason.INVALID_SCHEMA);
  const older = JSON.parse(manyAlternatives('1.0.0')) as ContextTypeManifest;
  const newer = document<ContextTypeManifest>(manyAlternatives('1.1.0'));
  const kept = await refusalOf(checks.requireKept(newer, { ...older, compatibility: 3 }, who));
  expect(kept.reason).toBe(Reason.INCOMPATIBLE);
  expect(kept.message).toMatch(/takes longer .* compatibility none/);
});

test('documents that take too much memory to check are refused as that', async () => {
  await using checks = openChecks(log, { heapMaxMb: 8 });
  const refusal = await refusalOf(checks.read(providerKind, document(faultyDocument), who));
  expect(refusal.reason).toBe(Reason.INVALID_MANIFEST);
  expect(refusal.message).toMatch(/memory/);
});

test('messages larger than any manifest are refused', async () => {
  await using checks = openChecks(log);
  const { manifest } = await checks.read(providerKind, document(provider), who);
  const value = { ...manifest, title: 'x'.repeat(600 * 1024) };
  const refusal = await refusalOf(checks.read(providerKind, { case: 'manifest', value }, who));
  expect(refusal.message).toBe('manifest: is larger than 512 KiB; shorten it');
});

test('a check that nobody waits for any more ends', async () => {
  await using checks = openChecks(log);
  const caller = new AbortController();
  const check = checks.read(providerKind, document(faultyDocument), {
    tenant: 't',
    signal: caller.signal,
  });
  caller.abort(new Error('gone'));
  await expect(check).rejects.toThrow('gone');
  await expect(check).rejects.not.toBeInstanceOf(JobError);
});

test('while one tenant floods the registry with hostile documents, others register', async () => {
  await using registry = await openTestRegistry();
  const { admin } = registry.as();
  await admin.createTenant({ name: 'mallory' });
  await admin.createTenant({ name: 'ann' });
  const mallory = registry.as({ tenant: 'mallory' }).registry;
  const ann = registry.as({ tenant: 'ann' }).registry;

  let ended = 0;
  const flood = Array.from({ length: 8 }, async () => {
    const refused = await mallory
      .registerProvider({ source: { case: 'document', value: faultyDocument } })
      .catch((error: unknown) => ConnectError.from(error));
    ended += 1;
    return refused as ConnectError;
  });
  const type = 'name: Doc\nversion: 1.0.0\nschema: {}\n';
  await ann.publishType({ source: { case: 'document', value: type } });
  await ann.registerProvider({ source: { case: 'document', value: provider } });
  expect(ended).toBeLessThan(flood.length);

  const codes = (await Promise.all(flood)).map(({ code }) => code);
  const refusals = [Code.InvalidArgument, Code.Unavailable, Code.DeadlineExceeded];
  expect(codes.filter((code) => !refusals.includes(code))).toEqual([]);
  const { providers } = await mallory.listProviders({});
  expect(providers).toEqual([]);
}, 120_000);
