import { createHash } from 'node:crypto';
import { createContextValues } from '@connectrpc/connect';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { Scope } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { SignJWT } from 'jose';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { mintApiKey, parseApiKey, secretMatches } from './api-key.ts';
import { createAssertions } from './assertion.ts';
import { type Caller, callerKey, callerOf, requireScope } from './caller.ts';
import { createConsistencyTokens } from './consistency.ts';

const secret = new Uint8Array(32).fill(7);
const otherSecret = new Uint8Array(32).fill(8);
const caller: Caller = {
  tenant: 'acme',
  principal: 'ann@example.com',
  consumer: 'copilot',
  keyId: '0123456789abcdef',
  authentication: 'key',
  permits: [],
  network: '127.0.0.1',
  scopes: new Set([Scope.READ, Scope.ADMIN]),
  attributes: {},
};

afterEach(() => {
  vi.useRealTimers();
});

describe('API keys', () => {
  it('are random, and split into id and secret', () => {
    const key = mintApiKey();
    expect(key.text).toMatch(/^weir_[0-9a-f]{16}_[A-Za-z0-9_-]{43}$/);
    expect(mintApiKey().text).not.toBe(key.text);
    const parsed = parseApiKey(key.text);
    expect(parsed?.id).toBe(key.id);
    expect(secretMatches(key.secretHash, parsed?.secret ?? '')).toBe(true);
    expect(secretMatches(key.secretHash, mintApiKey().text.slice(22))).toBe(false);
    expect(secretMatches(new Uint8Array(), parsed?.secret ?? '')).toBe(false);
  });

  it('are hashed with SHA-256 of the secret as text', () => {
    const key = mintApiKey();
    const text = key.text.slice('weir_0123456789abcdef_'.length);
    expect(Buffer.from(key.secretHash)).toEqual(createHash('sha256').update(text).digest());
  });

  it.each(['', 'weir_', 'weir_0123456789abcdef_short', `x${mintApiKey().text}`, 'sk-123'])(
    '%j is none',
    (text) => {
      expect(parseApiKey(text)).toBeUndefined();
    },
  );
});

describe('callers', () => {
  it('are found in the context, or missed', () => {
    const values = createContextValues();
    expect(() => callerOf({ values })).toThrow(
      expect.objectContaining({ reason: Reason.CREDENTIAL_MISSING }),
    );
    values.set(callerKey, caller);
    expect(callerOf({ values })).toBe(caller);
  });

  it('have the scopes of their key; only PLATFORM implies others', () => {
    requireScope(caller, Scope.READ);
    expect(() => requireScope(caller, Scope.REGISTER)).toThrow(
      expect.objectContaining({
        reason: Reason.SCOPE_MISSING,
        metadata: { scope: 'SCOPE_REGISTER' },
      }),
    );
    requireScope({ ...caller, scopes: new Set([Scope.PLATFORM]) }, Scope.REGISTER);
  });
});

describe('assertions', () => {
  const assertions = createAssertions(secret);
  const refused = expect.objectContaining({ reason: Reason.CREDENTIAL_INVALID });

  it('carry a service', async () => {
    const token = await assertions.sign({ kind: 'service', name: 'router' });
    expect(await assertions.verify(token)).toEqual({ kind: 'service', name: 'router' });
  });

  it('carry a caller, without attributes', async () => {
    const attributes = { roles: ['x'] };
    const token = await assertions.sign({ kind: 'caller', caller: { ...caller, attributes } });
    expect(await assertions.verify(token)).toEqual({ kind: 'caller', caller });
  });

  it('are refused when signed with another secret, altered, or none at all', async () => {
    const token = await createAssertions(otherSecret).sign({ kind: 'service', name: 'router' });
    await expect(assertions.verify(token)).rejects.toEqual(refused);
    await expect(assertions.verify('nonsense')).rejects.toEqual(refused);
    await expect(assertions.verify(mintApiKey().text)).rejects.toEqual(refused);
  });

  it('are refused after their time', async () => {
    vi.useFakeTimers();
    const token = await assertions.sign({ kind: 'service', name: 'router' });
    vi.advanceTimersByTime(36_000);
    await expect(assertions.verify(token)).rejects.toEqual(refused);
  });

  it.each([
    ['another audience', { aud: 'other' }],
    ['no known subject', { sub: 'root' }],
    ['no tenant', { sub: 'principal' }],
    ['no scopes', { sub: 'principal', tenant: 'a', principal: 'b', consumer: '', key_id: 'c' }],
  ])('are refused with %s', async (_, claims) => {
    const token = await new SignJWT({ sub: 'service:x', iss: 'weir', ...claims })
      .setProtectedHeader({ alg: 'HS256', typ: 'weir-assertion+jwt' })
      .setAudience('aud' in claims ? claims.aud : 'weir-registry')
      .setExpirationTime('30s')
      .sign(secret);
    await expect(assertions.verify(token)).rejects.toEqual(refused);
  });

  it('need a secret that is long enough', () => {
    expect(() => createAssertions(new Uint8Array(31))).toThrow(/31 bytes; it needs at least 32/);
  });
});

describe('consistency tokens', () => {
  const tokens = createConsistencyTokens(secret);
  const point = { epoch: 'e-1', revision: 2n ** 63n };

  it('bring back what they stand for', () => {
    expect(tokens.read(tokens.mint(point))).toEqual(point);
  });

  it('are refused from another installation, altered, too long, or none at all', () => {
    const token = tokens.mint(point);
    const [payload, signature] = token.split('.');
    const forged = Buffer.from('{"e":"e-1","r":"9"}').toString('base64url');
    const others = [
      createConsistencyTokens(otherSecret).mint(point),
      `${forged}.${signature}`,
      `${payload}.`,
      `${token}.x`,
      '',
      'x'.repeat(10_000),
    ];
    for (const other of others) {
      expect(() => tokens.read(other), other).toThrow(
        expect.objectContaining({ reason: Reason.INVALID_CONSISTENCY_TOKEN }),
      );
    }
  });
});
