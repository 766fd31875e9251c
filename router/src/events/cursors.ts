import { type Caller, refuse } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { createSignedTexts } from './signed-texts.ts';

/** A place in a log of events. */
export interface Place {
  /** Which log it is. */
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

/** Principals whose last cursor is remembered. */
const REMEMBERED_MAX = 10_000;

type Asker = Pick<Caller, 'tenant' | 'principal'>;

/** Opens the cursors of an installation, signed with a key of its secret. */
export function createCursors(serviceSecret: Uint8Array): Cursors {
  const texts = createSignedTexts(serviceSecret, 'weir event cursor v1');
  /** Subscribers of one principal come to the same places, one right after the other. */
  const last = new Map<string, Place & { readonly text: string }>();
  return {
    write(caller, { epoch, position }) {
      const owner = ownerOf(caller);
      const known = last.get(owner);
      if (known?.position === position && known.epoch === epoch) return known.text;
      const text = texts.write([epoch, String(position), owner]);
      if (last.size >= REMEMBERED_MAX) last.clear();
      last.set(owner, { epoch, position, text });
      return text;
    },
    read(caller, cursor) {
      const parts = texts.read(cursor);
      if (!parts) {
        throw refuse(
          Reason.INVALID_CURSOR,
          'cursor is malformed, altered or from another installation; send one that came with an event, or none',
        );
      }
      const [epoch, position, owner] = parts as [string, string, string];
      if (owner === ownerOf(caller)) return { epoch, position: BigInt(position) };
      throw refuse(Reason.DENIED, 'cursor belongs to another principal; begin anew without it');
    },
  };
}

/** Whose a signed text is. */
export function ownerOf({ tenant, principal }: Asker): string {
  return JSON.stringify([tenant, principal]);
}
