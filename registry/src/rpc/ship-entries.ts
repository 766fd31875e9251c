import type { MethodImpl } from '@connectrpc/connect';
import { HASH_BYTES } from '@weir/journal';
import type { JournalService } from '@weir/sdk/gen/weir/audit/v1/journal_pb';
import type { Audit } from '../audit/audit.ts';
import { shippedOf } from '../audit/taken.ts';
import { requireService } from '../gate.ts';
import { malformed } from '../refusals.ts';

/** Takes in entries of a chain; says how many are held, which tells where to go on. */
export function shipEntries({
  records,
}: Audit): MethodImpl<typeof JournalService.method.shipEntries> {
  return async (request, context) => {
    requireService(context);
    if (request.first > BigInt(Number.MAX_SAFE_INTEGER)) {
      throw malformed('first', 'is not below 2^53');
    }
    const { length } = request.goneHead;
    if (length !== 0 && length !== HASH_BYTES) {
      throw malformed('gone_head', `is not a hash of ${HASH_BYTES} bytes`);
    }
    return { shipped: shippedOf(await records.ship(request), request.chain) };
  };
}
