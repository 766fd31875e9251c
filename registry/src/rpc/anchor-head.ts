import type { MethodImpl } from '@connectrpc/connect';
import type { JournalService } from '@weir/sdk/gen/weir/audit/v1/journal_pb';
import type { Audit } from '../audit/audit.ts';
import { shippedOf } from '../audit/taken.ts';
import { requireService } from '../gate.ts';
import { malformed } from '../refusals.ts';

/** Anchors the head of a chain. */
export function anchorHead({
  records,
}: Audit): MethodImpl<typeof JournalService.method.anchorHead> {
  return async (request, context) => {
    requireService(context);
    if (request.length > BigInt(Number.MAX_SAFE_INTEGER)) {
      throw malformed('length', 'is not below 2^53');
    }
    shippedOf(await records.anchor(request), request.chain);
    return {};
  };
}
