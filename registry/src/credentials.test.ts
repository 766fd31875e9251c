import { reasonName, reasonOf } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { Scope } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openTestRegistry, type TestRegistry } from './test-registry.ts';

let registry: TestRegistry;
beforeAll(async () => {
  registry = await openTestRegistry();
});
afterAll(() => registry[Symbol.asyncDispose]());

const outcomeOf = (call: Promise<unknown>) =>
  call.then(
    () => 'done',
    (error: unknown) => reasonName(reasonOf(error) ?? Reason.UNSPECIFIED),
  );

test('a consumer stays while an issuer or a certificate names it: its limits would go with it', async () => {
  const { registry: catalogue, admin } = registry.as();
  const source = { case: 'document' as const, value: 'kind: Consumer\nname: copilot\n' };
  await catalogue.registerConsumer({ source });
  const gone = () => outcomeOf(catalogue.deregisterConsumer({ name: 'copilot' }));
  const issuer = { name: 'sso', url: 'https://login.example.org', audiences: ['weir'] };
  await admin.putIssuer({ issuer: { ...issuer, consumer: 'copilot' } });
  expect(await gone()).toBe(reasonName(Reason.IN_USE));
  await admin.deleteIssuer({ name: 'sso' });
  const match = { case: 'subject' as const, value: 'CN=a' };
  const certificate = { name: 'a', principal: 'bot', match, consumer: 'copilot' };
  await admin.putCertificate({ certificate });
  expect(await gone()).toBe(reasonName(Reason.IN_USE));
  await admin.deleteCertificate({ name: 'a' });
  expect(await gone()).toBe('done');
});

test('who administers a tenant cannot shut out a certificate that administers the platform', async () => {
  const { admin } = registry.as();
  const match = { case: 'subject' as const, value: 'CN=operator' };
  const scopes = [Scope.PLATFORM];
  await admin.putCertificate({
    certificate: { name: 'operator', principal: 'operator', match, scopes },
  });
  const { principals } = await admin.listPrincipals({});
  const operator = principals.find(({ name }) => name === 'operator');
  const own = registry.as({ scopes: [Scope.READ, Scope.ADMIN] }).admin;
  const disabled = operator && { ...operator, disabled: true };
  const refused = reasonName(Reason.SCOPE_MISSING);
  expect(await outcomeOf(own.updatePrincipal({ principal: disabled }))).toBe(refused);
  expect(await outcomeOf(own.deletePrincipal({ name: 'operator' }))).toBe(refused);
  expect(await outcomeOf(admin.updatePrincipal({ principal: disabled }))).toBe('done');
});

test('page tokens that were made up are refused, whatever they hold', async () => {
  const { admin } = registry.as();
  await admin.createKey({ principal: 'one' });
  await admin.createKey({ principal: 'two' });
  const { nextPageToken } = await admin.listKeys({ pageSize: 1 });
  const [binding, ...place] = JSON.parse(Buffer.from(nextPageToken, 'base64url').toString());
  expect(place.length).toBeGreaterThan(0);
  const made = (...after: string[]) =>
    Buffer.from(JSON.stringify([binding, ...after])).toString('base64url');
  for (const after of ['x', '', '1.5', '-1', '1e400', '999999999999999999999999', '\ud800', "'"]) {
    const pageToken = made(...place.map(() => after));
    const outcome = await outcomeOf(admin.listKeys({ pageSize: 1, pageToken }));
    expect(['done', reasonName(Reason.INVALID_PAGE)], after).toContain(outcome);
  }
});
