import { create } from '@bufbuild/protobuf';
import {
  type CertificateIdentity,
  CertificateIdentitySchema,
  type Issuer,
  IssuerSchema,
  Scope,
} from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runWeir } from '../../test/run-weir.ts';
import { serveWeir, type WeirServer } from '../../test/weir-server.ts';

let server: WeirServer;
const issuers = new Map<string, Issuer>();
const certificates = new Map<string, CertificateIdentity>();
const keys: { permits: readonly string[]; requiresSignature: boolean }[] = [];

beforeAll(async () => {
  server = await serveWeir({
    admin: {
      putIssuer({ issuer = create(IssuerSchema) }) {
        if (issuer.etag !== (issuers.get(issuer.name)?.etag ?? '')) throw new Error('stale');
        const put = { ...issuer, etag: `${issuers.size}` };
        issuers.set(issuer.name, put);
        return { issuer: put };
      },
      listIssuers: () => ({ issuers: [...issuers.values()] }),
      deleteIssuer({ name }) {
        issuers.delete(name);
        return {};
      },
      putCertificate({ certificate = create(CertificateIdentitySchema) }) {
        certificates.set(certificate.name, certificate);
        return { certificate };
      },
      listCertificates: () => ({ certificates: [...certificates.values()] }),
      deleteCertificate({ name }) {
        certificates.delete(name);
        return {};
      },
      createKey({ permits, requiresSignature }) {
        keys.push({ permits, requiresSignature });
        return { secret: 'weir_x', key: { id: 'x', permits, requiresSignature } };
      },
      whoAmI: () => ({
        principal: 'lin',
        authentication: 'token',
        keyId: 'sso',
        permits: ['list:*'],
      }),
    },
  });
});

afterAll(() => server[Symbol.asyncDispose]());

const weir = (...args: string[]) => runWeir([...args, '--url', server.url]);

describe('weir issuer', () => {
  const put = ['issuer', 'put', 'sso', '--issuer', 'https://login.example.org'];

  test('puts an issuer, changes it, lists and deletes it', async () => {
    const claims = ['--attribute', 'roles=realm_access.roles', '--attribute', 'tier=tier'];
    const first = await weir(...put, '--audience', 'weir,other', ...claims, '--scope', 'read');
    expect(first.code).toBe(0);
    expect(issuers.get('sso')).toMatchObject({
      audiences: ['weir', 'other'],
      attributeClaims: { roles: 'realm_access.roles', tier: 'tier' },
      scopes: [Scope.READ],
    });
    expect((await weir(...put, '--audience', 'weir')).code).toBe(0);
    const listed = await weir('issuer', 'list');
    expect(listed.out).toContain('https://login.example.org');
    expect((await weir('issuer', 'delete', 'sso')).out).toBe('deleted sso\n');
    expect((await weir('issuer', 'list')).out).toBe('No issuers.\n');
  });

  test('says what is missing', async () => {
    expect((await weir(...put)).code).toBe(2);
    expect((await weir(...put, '--audience', 'a,,b')).err).toContain('with commas');
    expect((await weir(...put, '--audience', 'a', '--attribute', 'roles')).err).toContain('NAME=');
  });
});

describe('weir certificate', () => {
  const put = ['certificate', 'put', 'agent-a', '--principal', 'agent-a'];

  test('puts a certificate, lists and deletes it', async () => {
    const id = 'spiffe://example.org/agent/a';
    const { code } = await weir(...put, '--spiffe-id', id, '--permit', 'fetch:DocChunk');
    expect(code).toBe(0);
    expect(certificates.get('agent-a')).toMatchObject({
      match: { case: 'spiffeId', value: id },
      permits: ['fetch:DocChunk'],
    });
    expect((await weir('certificate', 'list')).out).toContain(id);
    expect((await weir('certificate', 'delete', 'agent-a')).out).toBe('deleted agent-a\n');
  });

  test('wants either a SPIFFE ID or a subject', async () => {
    for (const both of [[], ['--spiffe-id', 'spiffe://a/b', '--subject', 'CN=a']]) {
      const { code, err } = await weir(...put, ...both);
      expect(code).toBe(2);
      expect(err).toContain('--spiffe-id or --subject');
    }
  });
});

test('weir key create narrows a key down, and asks for signatures', async () => {
  const permits = ['--permit', 'fetch:DocChunk', '--permit', 'list:*'];
  const { code, out } = await weir(
    'key',
    'create',
    '--principal',
    'p',
    ...permits,
    '--require-signature',
  );
  expect(code).toBe(0);
  expect(out).toContain('fetch:DocChunk, list:*');
  expect(keys).toEqual([{ permits: ['fetch:DocChunk', 'list:*'], requiresSignature: true }]);
});

test('weir whoami says how', async () => {
  const { out } = await weir('whoami');
  expect(out).toMatch(/token +sso/);
  expect(out).toMatch(/permits +list:\*/);
});
