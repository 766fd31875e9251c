import { create } from '@bufbuild/protobuf';
import { durationFromMs, timestampFromMs } from '@bufbuild/protobuf/wkt';
import { Code } from '@connectrpc/connect';
import {
  type CacheStatus,
  type ItemResult,
  ItemResultSchema,
} from '@weir/sdk/gen/weir/context/v1/context_pb';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { providerName } from '../../values.ts';
import type { Cached } from './cache.ts';

/** A cached value as the item of a ref. */
export function present(index: number, held: Cached, cache: CacheStatus): ItemResult {
  const { payload, contentType, etag, ttl, sensitivity } = held.content;
  return create(ItemResultSchema, {
    index,
    cache,
    age: durationFromMs(Date.now() - held.sinceMs),
    quality: 1,
    outcome: {
      case: 'item',
      value: {
        body: { case: 'payload', value: payload },
        contentType,
        version: '1.0.0',
        etag,
        asOf: timestampFromMs(held.sinceMs),
        ...(ttl && { ttl }),
        sensitivity,
        provenance: { provider: providerName, providerVersion: '1.0.0' },
      },
    },
  });
}

/** Why a ref has no item. */
export function refuse(index: number, reason: Reason): ItemResult {
  const code = reason === Reason.DENIED ? Code.PermissionDenied : Code.NotFound;
  return create(ItemResultSchema, {
    index,
    outcome: { case: 'refusal', value: { code, reason } },
  });
}
