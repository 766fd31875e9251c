import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { type Caller, deriveKey, refuse } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';

/** States of calls that wait for answers, sealed for the callers who keep them meanwhile. */
export interface ToolStates {
  seal(state: Uint8Array, of: StateOf, untilMs: number): Uint8Array;
  /** Throws INVALID_STATE. */
  open(sealed: Uint8Array, of: StateOf, nowMs: number): Uint8Array;
}

/** Whose call of what it is. */
export interface StateOf {
  readonly caller: Pick<Caller, 'tenant' | 'principal'>;
  readonly tool: string;
  /** Its provider and the version: the manifest may change while the caller thinks. */
  readonly provider: string;
}

const CIPHER = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const TIME_BYTES = 8;
/** How long a person may take to answer, in ms; a tool whose time is longer gives that. */
export const STATE_LIFETIME_MS = 600_000;
/** What a provider may keep in a state. */
export const STATE_MAX_BYTES = 16 * 1024;

/** Opens the states of an installation, with a key of its secret. */
export function createToolStates(serviceSecret: Uint8Array): ToolStates {
  const key = deriveKey(serviceSecret, 'weir tool state v1');
  return {
    seal(state, of, untilMs) {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv(CIPHER, key, nonce).setAAD(boundTo(of));
      const time = Buffer.alloc(TIME_BYTES);
      time.writeBigUInt64BE(BigInt(Math.ceil(untilMs)));
      const sealed = Buffer.concat([cipher.update(time), cipher.update(state), cipher.final()]);
      return Buffer.concat([nonce, sealed, cipher.getAuthTag()]);
    },
    open(sealed, of, nowMs) {
      const plain = unsealed(key, sealed, of);
      if (!plain) throw invalid('is not one that this tool gave to this caller');
      if (plain.readBigUInt64BE() < BigInt(Math.floor(nowMs))) {
        throw invalid('is too old: the call that waited is over');
      }
      return plain.subarray(TIME_BYTES);
    },
  };
}

function unsealed(key: Uint8Array, bytes: Uint8Array, of: StateOf): Buffer | undefined {
  const sealed = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (sealed.length < NONCE_BYTES + TIME_BYTES + TAG_BYTES) return undefined;
  const end = sealed.length - TAG_BYTES;
  try {
    const decipher = createDecipheriv(CIPHER, key, sealed.subarray(0, NONCE_BYTES))
      .setAAD(boundTo(of))
      .setAuthTag(sealed.subarray(end));
    return Buffer.concat([decipher.update(sealed.subarray(NONCE_BYTES, end)), decipher.final()]);
  } catch {
    return undefined;
  }
}

function boundTo({ caller, tool, provider }: StateOf): Buffer {
  return Buffer.from(JSON.stringify([caller.tenant, caller.principal, tool, provider]));
}

function invalid(text: string) {
  const mend = 'begin again with a call without a state';
  return refuse(Reason.INVALID_STATE, `state ${text}; ${mend}`, {
    violations: [{ field: 'state', description: text }],
  });
}
