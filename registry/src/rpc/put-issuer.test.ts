import type { MessageInitShape } from '@bufbuild/protobuf';
import { ConnectError } from '@connectrpc/connect';
import { reasonOf } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import {
  type CertificateIdentitySchema,
  type IssuerSchema,
  Scope,
} from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openTestRegistry, type TestRegistry } from '../test-registry.ts';

let registry: TestRegistry;
beforeAll(async () => {
  registry = await openTestRegistry();
  await registry.as().admin.createTenant({ name: 'umbrella' });
});
afterAll(() => registry[Symbol.asyncDispose]());

const sso = {
  name: 'sso',
  url: 'https://login.example.org/realms/main',
  audiences: ['weir'],
};

const refusal = (call: Promise<unknown>) =>
  call.then(
    () => 'done',
    (error: unknown) => `${reasonOf(error)} ${ConnectError.from(error).rawMessage}`,
  );

describe('an issuer', () => {
  it('is put, listed, changed with its etag, sent to routers and deleted', async () => {
    const { admin } = registry.as();
    await using follower = await registry.watch();
    const { issuer } = await admin.putIssuer({ issuer: sso });
    expect(issuer).toMatchObject({ ...sso, tenant: 'default', scopes: [Scope.READ] });
    await follower.until((entries) => entries.has('issuer/default/sso'));
    const stale = await refusal(admin.putIssuer({ issuer: sso }));
    expect(stale).toContain(String(Reason.ETAG_STALE));
    const change = { ...sso, etag: issuer?.etag ?? '', principalPrefix: 'sso:' };
    const changed = await admin.putIssuer({ issuer: change });
    expect(changed.issuer?.createTime).toEqual(issuer?.createTime);
    expect((await admin.listIssuers({})).issuers).toEqual([changed.issuer]);
    await admin.deleteIssuer({ name: 'sso' });
    await follower.until((entries) => !entries.has('issuer/default/sso'));
    expect(await refusal(admin.deleteIssuer({ name: 'sso' }))).toContain('there is no issuer');
  });

  it('has its pair of URL and audience alone, whatever the tenant', async () => {
    const { admin } = registry.as();
    await admin.putIssuer({ issuer: { ...sso, name: 'first' } });
    const second = { ...sso, name: 'second', audiences: ['other', 'weir'] };
    expect(await refusal(admin.putIssuer({ issuer: second }))).toContain('belongs to another');
    const theirs = registry.as({ tenant: 'umbrella' }).admin;
    expect(await refusal(theirs.putIssuer({ issuer: sso }))).toContain('belongs to another');
    await theirs.putIssuer({ issuer: { ...sso, audiences: ['umbrella'] } });
  });

  it.each<[MessageInitShape<typeof IssuerSchema>, string]>([
    [{ name: 'SSO' }, 'issuer.name'],
    [{ url: 'login.example.org' }, 'issuer.url'],
    [{ url: 'ftp://login.example.org' }, 'issuer.url'],
    [{ url: 'https://a:b@login.example.org' }, 'issuer.url'],
    [{ url: 'https://login.example.org?x=1' }, 'issuer.url'],
    [{ url: 'http://169.254.169.254' }, 'issuer.url'],
    [{ url: 'https://10.0.0.1' }, 'issuer.url'],
    [{ audiences: [] }, 'issuer.audiences'],
    [{ audiences: [''] }, 'issuer.audiences[0]'],
    [{ audiences: ['a\nb'] }, 'issuer.audiences[0]'],
    [{ audiences: Array.from({ length: 17 }, (_, i) => `a${i}`) }, 'issuer.audiences'],
    [{ principalPrefix: 'SSO/' }, 'issuer.principal_prefix'],
    [{ attributeClaims: { 'no name': 'x' } }, 'issuer.attribute_claims'],
    [{ attributeClaims: { roles: '' } }, 'issuer.attribute_claims.roles'],
    [{ scopes: [Scope.PLATFORM] }, 'issuer.scopes'],
    [{ algorithms: ['HS256'] }, 'issuer.algorithms[0]'],
    [{ algorithms: ['none'] }, 'issuer.algorithms[0]'],
    [{ consumer: 'nobody' }, 'consumer'],
  ])('with %j is refused, naming the place', async (more, place) => {
    const issuer = { ...sso, name: 'wrong', audiences: ['wrong'], ...more };
    expect(await refusal(registry.as().admin.putIssuer({ issuer }))).toContain(place);
  });

  it('gives no scope that its administrator lacks', async () => {
    const { admin } = registry.as({ scopes: [Scope.ADMIN, Scope.READ] });
    const issuer = { ...sso, name: 'more', audiences: ['more'], scopes: [Scope.REGISTER] };
    expect(await refusal(admin.putIssuer({ issuer }))).toContain('SCOPE_REGISTER');
    const { admin: reader } = registry.as({ scopes: [Scope.READ] });
    expect(await refusal(reader.putIssuer({ issuer: sso }))).toContain('SCOPE_ADMIN');
  });
});

describe('a certificate', () => {
  const agent = {
    name: 'agent-a',
    match: { case: 'spiffeId' as const, value: 'spiffe://example.org/agent/a' },
    principal: 'agent-a',
    permits: ['fetch:DocChunk'],
  };

  it('is put, listed, sent to routers and deleted; its principal is made', async () => {
    const { admin } = registry.as();
    await using follower = await registry.watch();
    const { certificate } = await admin.putCertificate({ certificate: agent });
    expect(certificate).toMatchObject({ ...agent, tenant: 'default', scopes: [Scope.READ] });
    await follower.until((entries) => entries.has('certificate/default/agent-a'));
    expect([...follower.entries.keys()]).toContain('principal/default/agent-a');
    expect((await admin.listCertificates({})).certificates).toEqual([certificate]);
    const other = { ...agent, name: 'agent-b' };
    expect(await refusal(admin.putCertificate({ certificate: other }))).toContain('belongs to');
    await admin.deleteCertificate({ name: 'agent-a' });
    await follower.until((entries) => !entries.has('certificate/default/agent-a'));
  });

  it.each<[MessageInitShape<typeof CertificateIdentitySchema>, string]>([
    [{ match: { case: undefined } }, 'certificate.match'],
    [{ match: { case: 'spiffeId', value: 'https://x' } }, 'certificate.spiffe_id'],
    [{ match: { case: 'spiffeId', value: 'spiffe://x/../y' } }, 'certificate.spiffe_id'],
    [{ match: { case: 'spiffeId', value: 'spiffe://x/y/' } }, 'certificate.spiffe_id'],
    [{ match: { case: 'subject', value: '' } }, 'certificate.subject'],
    [{ match: { case: 'subject', value: 'CN=a\nO=b' } }, 'certificate.subject'],
    [{ permits: ['fetch'] }, 'certificate.permits[0]'],
    [{ permits: ['fetch:A'], scopes: [Scope.REGISTER] }, 'certificate.permits'],
    [{ principal: 'Agent A' }, 'certificate.principal'],
  ])('with %j is refused, naming the place', async (more, place) => {
    const certificate = { ...agent, name: 'wrong', ...more };
    const { admin } = registry.as();
    expect(await refusal(admin.putCertificate({ certificate }))).toContain(place);
  });

  it('is the operator of the platform to believe', async () => {
    const { admin } = registry.as({ scopes: [Scope.ADMIN, Scope.READ] });
    expect(await refusal(admin.putCertificate({ certificate: agent }))).toContain('SCOPE_PLATFORM');
  });
});

it('a key has permits and may ask for signatures', async () => {
  const { admin } = registry.as();
  const { key } = await admin.createKey({
    principal: 'bot',
    permits: ['fetch:DocChunk', 'list:*', 'list:*'],
    requiresSignature: true,
  });
  expect(key).toMatchObject({ permits: ['fetch:DocChunk', 'list:*'], requiresSignature: true });
  const wrong = refusal(admin.createKey({ principal: 'bot', permits: ['Fetch:doc'] }));
  expect(await wrong).toContain('permits[0]: "Fetch:doc" is not a permit');
});
