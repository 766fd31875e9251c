import type { MethodImpl } from '@connectrpc/connect';
import { HASH_BYTES, isChainId } from '@weir/journal';
import type { Chain, JournalService } from '@weir/sdk/gen/weir/audit/v1/journal_pb';
import type { Audit } from '../audit/audit.ts';
import { shippedOf } from '../audit/taken.ts';
import { parseLine } from '../fields.ts';
import { requireService } from '../gate.ts';
import { malformed } from '../refusals.ts';

/** Makes a chain known; once more changes nothing. */
export function openChain({ records }: Audit): MethodImpl<typeof JournalService.method.openChain> {
  return async (request, context) => {
    requireService(context);
    const chain = parseChain(request.chain);
    const { previousGone } = request;
    return { shipped: shippedOf(await records.openChain(chain, { previousGone }), chain.id) };
  };
}

function parseChain(chain: Chain | undefined): Chain {
  if (!chain || !isChainId(chain.id)) throw malformed('chain.id', 'is not 32 hexadecimal digits');
  if (chain.publicKey.length !== HASH_BYTES) {
    throw malformed('chain.public_key', 'is not an Ed25519 key of 32 bytes');
  }
  if (!chain.createTime) throw malformed('chain.create_time', 'is missing');
  parseLine('chain.writer', chain.writer);
  const { previousId, previousHead, previousLength } = chain;
  if (previousId === '') return chain;
  if (!isChainId(previousId) || previousLength > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw malformed('chain.previous_id', 'is not that of a chain; its length must be below 2^53');
  }
  if (previousHead.length !== HASH_BYTES) {
    throw malformed('chain.previous_head', `is not a hash of ${HASH_BYTES} bytes`);
  }
  return chain;
}
