import { type Caller, refuse } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { ownerOf } from '../cursors.ts';
import { createSignedTexts } from '../signed-texts.ts';

/** A lease of an event of a group. */
export interface Lease {
  /** The installation whose log it is. */
  readonly epoch: string;
  readonly position: bigint;
  readonly lease: bigint;
}

/** Packs leases into texts that only workers of their group can answer with. */
export interface AckIds {
  write(caller: Worker, group: string, lease: Lease): string;
  /** Throws INVALID_CURSOR naming the field, or DENIED when it is another's. */
  read(
    caller: Worker,
    group: string,
    given: { readonly field: string; readonly id: string },
  ): Lease;
}

type Worker = Pick<Caller, 'tenant' | 'principal'>;

/** Opens the ack ids of an installation, signed with a key of its secret. */
export function createAckIds(serviceSecret: Uint8Array): AckIds {
  const texts = createSignedTexts(serviceSecret, 'weir event ack id v1');
  return {
    write: (caller, group, { epoch, position, lease }) =>
      texts.write([epoch, String(position), String(lease), group, ownerOf(caller)]),
    read(caller, group, { field, id }) {
      const parts = texts.read(id);
      if (!parts) throw invalid(field, 'is malformed, altered or from another installation');
      const [epoch, position, lease, of, owner] = parts as [string, string, string, string, string];
      if (owner !== ownerOf(caller)) {
        throw refuse(Reason.DENIED, `${field} belongs to another principal; send your own`);
      }
      if (of !== group) throw invalid(field, `is of the group ${of}, not of ${group}`);
      return { epoch, position: BigInt(position), lease: BigInt(lease) };
    },
  };
}

function invalid(field: string, text: string) {
  const mend = 'send the ack_id that came with the event';
  return refuse(Reason.INVALID_CURSOR, `${field} ${text}; ${mend}`, {
    violations: [{ field, description: text }],
  });
}
