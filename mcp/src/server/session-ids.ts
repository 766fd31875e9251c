import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { type Caller, deriveKey } from '@weir/kit';
import type { InputKind } from '@weir/sdk/gen/weir/provider/v1/provider_pb';

const ID_MAX_CHARS = 1024;
const MAC_BYTES = 16;
const RANDOM_BYTES = 12;
const HASH_BYTES = 12;
/** Ids that were read lately, and need no second look; then all are looked at again. */
const KNOWN_MAX = 10_000;

/** What a session is, from its beginning to its end. */
export interface SessionFacts {
  readonly revision: string;
  /** The tool group that it was begun under. */
  readonly group: string;
  /** What its client can be asked. */
  readonly canAsk: readonly InputKind[];
  /** When it began, in milliseconds of wall time. */
  readonly beganMs: number;
}

/** Ids of sessions, which say themselves what the session is: any router can read them. */
export interface SessionIds {
  write(caller: Caller, facts: SessionFacts): string;
  /** What an id says; undefined where it is none of ours, or somebody else's. */
  read(id: string, caller: Caller): SessionFacts | undefined;
}

/** Opens the session ids of an installation. */
export function createSessionIds(serviceSecret: Uint8Array): SessionIds {
  const key = deriveKey(serviceSecret, 'weir mcp session v1');
  const sign = (payload: string) =>
    createHmac('sha256', key).update(payload).digest().subarray(0, MAC_BYTES);
  const known = new Map<string, Known>();
  const look = (id: string, caller: Caller): SessionFacts | undefined => {
    const [payload = '', mac = '', ...rest] = id.length <= ID_MAX_CHARS ? id.split('.') : [];
    const given = Buffer.from(mac, 'base64url');
    if (rest.length > 0 || given.length !== MAC_BYTES) return undefined;
    if (!timingSafeEqual(given, sign(payload))) return undefined;
    const parts = JSON.parse(Buffer.from(payload, 'base64url').toString()) as unknown[];
    const [, hash, revision, group, canAsk, beganMs] = parts;
    if (hash !== hashOf(caller)) return undefined;
    return { revision, group, canAsk, beganMs } as SessionFacts;
  };
  return {
    write(caller, { revision, group, canAsk, beganMs }) {
      const random = randomBytes(RANDOM_BYTES).toString('base64url');
      const parts = [random, hashOf(caller), revision, group, canAsk, beganMs];
      const payload = Buffer.from(JSON.stringify(parts)).toString('base64url');
      return `${payload}.${sign(payload).toString('base64url')}`;
    },
    read(id, caller) {
      const { tenant, principal } = caller;
      const before = known.get(id);
      if (before?.tenant === tenant && before.principal === principal) return before.facts;
      const facts = look(id, caller);
      if (!facts) return undefined;
      if (known.size >= KNOWN_MAX) known.clear();
      known.set(id, { tenant, principal, facts });
      return facts;
    },
  };
}

/** An id that was read, and whose it is. */
interface Known extends Pick<Caller, 'tenant' | 'principal'> {
  readonly facts: SessionFacts;
}

/** Whoever sees an id learns nothing of whose it is. */
function hashOf({ tenant, principal }: Caller): string {
  const hash = createHash('sha256')
    .update(JSON.stringify([tenant, principal]))
    .digest();
  return hash.subarray(0, HASH_BYTES).toString('base64url');
}
