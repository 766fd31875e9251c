import { createHmac, timingSafeEqual } from 'node:crypto';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { refuse } from './errors.ts';
import { deriveKey } from './service-secret.ts';

const tokenMaxChars = 512;
const countPattern = /^\d{1,20}$/;

/** What a consistency token stands for. */
export interface ConsistencyPoint {
  /** The installation; of a position, the log. Another epoch means another history. */
  readonly epoch: string;
  /** The revision of the registry. */
  readonly revision: bigint;
  /** The position in the caller's log of events. Default: none is waited for. */
  readonly position?: bigint;
}

/** Mints and reads consistency tokens. */
export interface ConsistencyTokens {
  /** Mints the token of a write. */
  mint(point: ConsistencyPoint): string;
  /** Reads a token. Throws INVALID_CONSISTENCY_TOKEN. */
  read(token: string): ConsistencyPoint;
}

/** Opens the consistency tokens of an installation; the key is derived from its secret. */
export function createConsistencyTokens(serviceSecret: Uint8Array): ConsistencyTokens {
  const key = deriveKey(serviceSecret, 'weir consistency token v1');
  const sign = (payload: string) => createHmac('sha256', key).update(payload).digest();
  return {
    mint({ epoch, revision, position }) {
      const json = JSON.stringify({
        ...{ e: epoch, r: revision.toString() },
        ...(position !== undefined && { p: position.toString() }),
      });
      const payload = Buffer.from(json).toString('base64url');
      return `${payload}.${sign(payload).toString('base64url')}`;
    },
    read(token) {
      if (token.length > tokenMaxChars) throw invalid();
      const [payload = '', signature = '', ...rest] = token.split('.');
      const given = Buffer.from(signature, 'base64url');
      const wanted = sign(payload);
      if (rest.length > 0 || given.length !== wanted.length || !timingSafeEqual(given, wanted)) {
        throw invalid();
      }
      return readPayload(payload);
    },
  };
}

function readPayload(payload: string): ConsistencyPoint {
  const fields: { e?: unknown; r?: unknown; p?: unknown } = JSON.parse(
    Buffer.from(payload, 'base64url').toString(),
  );
  const { e: epoch, r: revision, p: position } = fields;
  if (typeof epoch !== 'string' || !isCount(revision)) throw invalid();
  if (position === undefined) return { epoch, revision: BigInt(revision) };
  if (!isCount(position)) throw invalid();
  return { epoch, revision: BigInt(revision), position: BigInt(position) };
}

function isCount(text: unknown): text is string {
  return typeof text === 'string' && countPattern.test(text);
}

function invalid() {
  return refuse(
    Reason.INVALID_CONSISTENCY_TOKEN,
    'the consistency token is malformed, altered or from another installation; ' +
      'send one that a write of this installation returned, or none',
  );
}
