import { refuse } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { notFound } from '../refusals.ts';
import type { Taken } from './store/chains.ts';

/** How many entries of a chain are held; refuses what was not taken in. */
export function shippedOf(taken: Taken, chain: string): bigint {
  switch (taken.kind) {
    case 'taken':
      return BigInt(taken.shipped);
    case 'unknown':
      throw notFound('chain', chain);
    case 'contradicts': {
      const { position, text } = taken.fault;
      throw refuse(Reason.ALREADY_EXISTS, `chain ${chain}, entry ${position}: ${text}`);
    }
    default:
      return taken satisfies never;
  }
}
