import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Caller, Clock } from '@weir/kit';
import { findKey, type Snapshot } from '../snapshot/snapshot.ts';
import { callerWith } from './keys.ts';
import { invalidKey, invalidSignature } from './refusals.ts';

/**
 * What a signed call carries in "authorization", after the scheme: the id of the key, the time in
 * seconds since 1970, 16 random bytes, SHA-256 of the body as it is sent, and the signature, the
 * last three in base64url.
 */
const pattern =
  /^key=([a-z0-9]{16}),time=(\d{10,12}),nonce=([\w-]{22}),body=([\w-]{43}),signature=([\w-]{43})$/;

/** How far the time of a signature may lie from ours, before or after. */
export const signatureWindowMs = 300_000;

/** A call that was signed rightly; its nonce and body are still to be looked at. */
export interface Signed {
  readonly caller: Caller;
  readonly keyId: string;
  readonly timeMs: number;
  readonly nonce: string;
  /** SHA-256 that the body must have. */
  readonly body: Uint8Array;
}

/** What of a call is signed beside what stands in the header. */
export interface SignedCall {
  readonly method: string;
  /** The path, such as "/weir.router.v1.RouterService/FetchContext". */
  readonly path: string;
}

/**
 * Verifies the signature of a call: HMAC-SHA-256 over its lines, with SHA-256 of the key's secret
 * as the key of it. Throws CREDENTIAL_INVALID or SIGNATURE_INVALID.
 */
export function verifySignature(
  snapshot: Snapshot,
  text: string,
  { call, clock }: { call: SignedCall; clock: Clock },
): Signed {
  const [, id = '', time = '', nonce = '', body = '', signature = ''] = pattern.exec(text) ?? [];
  if (id === '') throw invalidSignature('it cannot be read; see docs/identity.md');
  const known = findKey(snapshot, id);
  if (!known?.key?.requiresSignature) throw invalidKey();
  const lines = ['weir-hmac-sha256', id, time, nonce, call.method, call.path, body];
  const right = createHmac('sha256', known.secretHash).update(lines.join('\n')).digest();
  const given = Buffer.from(signature, 'base64url');
  if (given.length !== right.length || !timingSafeEqual(given, right)) throw invalidKey();
  const timeMs = Number(time) * 1000;
  if (Math.abs(timeMs - clock.wallMs()) > signatureWindowMs) {
    throw invalidSignature(
      `it was made over ${signatureWindowMs / 60_000} minutes ago, or to come; check the clock`,
    );
  }
  // In a query, a message would not be signed.
  if (call.method !== 'POST') throw invalidSignature('a signed call is sent with POST');
  const caller = callerWith(snapshot, known.key, clock);
  return { caller, keyId: id, timeMs, nonce, body: Buffer.from(body, 'base64url') };
}
