import { createHmac, timingSafeEqual } from 'node:crypto';
import { type Caller, deriveKey, refuse } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';

/** A place in a log of events. */
export interface Place {
  /** The installation whose log it is. */
  readonly epoch: string;
  /** The position of the event that came last. */
  readonly position: bigint;
}

/** Packs places into texts that only their principal can go on from. */
export interface Cursors {
  write(caller: Asker, place: Place): string;
  /** Throws INVALID_CURSOR, or DENIED when it is another's. */
  read(caller: Asker, cursor: string): Place;
}

type Asker = Pick<Caller, 'tenant' | 'principal'>;

const CURSOR_MAX_CHARS = 1_024;
const MAC_BYTES = 16;

/** Opens the cursors of an installation, signed with a key of its secret. */
export function createCursors(serviceSecret: Uint8Array): Cursors {
  const key = deriveKey(serviceSecret, 'weir event cursor v1');
  const sign = (payload: string) =>
    createHmac('sha256', key).update(payload).digest().subarray(0, MAC_BYTES);
  const nameOf = ({ tenant, principal }: Asker) => JSON.stringify([tenant, principal]);
  return {
    write(caller, { epoch, position }) {
      const json = JSON.stringify([epoch, String(position), nameOf(caller)]);
      const payload = Buffer.from(json).toString('base64url');
      return `${payload}.${sign(payload).toString('base64url')}`;
    },
    read(caller, cursor) {
      const [payload = '', mac = '', ...rest] =
        cursor.length <= CURSOR_MAX_CHARS ? cursor.split('.') : [];
      const given = Buffer.from(mac, 'base64url');
      const wanted = sign(payload);
      const isOurs =
        rest.length === 0 && given.length === MAC_BYTES && timingSafeEqual(given, wanted);
      if (!isOurs) {
        throw refuse(
          Reason.INVALID_CURSOR,
          'cursor is malformed, altered or from another installation; send one that came with an event, or none',
        );
      }
      const text = Buffer.from(payload, 'base64url').toString();
      const [epoch, position, owner] = JSON.parse(text) as [string, string, string];
      if (owner === nameOf(caller)) return { epoch, position: BigInt(position) };
      throw refuse(Reason.DENIED, 'cursor belongs to another principal; begin anew without it');
    },
  };
}
