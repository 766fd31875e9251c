import { create, toBinary } from '@bufbuild/protobuf';
import { durationFromMs, timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  CacheStatus,
  type ItemResult,
  ItemResultSchema,
  Sensitivity,
} from '@weir/sdk/gen/weir/context/v1/context_pb';
import {
  type FetchContextResponse,
  FetchContextResponseSchema,
} from '@weir/sdk/gen/weir/router/v1/router_pb';

/** The type of all items. */
export const itemType = 'BenchItem';
/** The provider that has them. */
export const providerName = 'bench';
/** The digits of a key that nobody asked for before. */
export const freshDigits = 12;

/** A key that is asked for again and again. */
export function warmKey(index: number): string {
  return `warm-${String(index).padStart(freshDigits, '0')}`;
}

/** A key that nobody asked for before. */
export function freshKey(index: number): string {
  return `once-${String(index).padStart(freshDigits, '0')}`;
}

/** The value of a key: JSON of exactly so many bytes, of which one field can be masked. */
export function payloadOf(key: string, bytes: number): Uint8Array {
  const head = `{"key":${JSON.stringify(key)},"secret":"4f1c-${key}","text":"`;
  const tail = '"}';
  return Buffer.from(head + 'x'.repeat(Math.max(0, bytes - head.length - tail.length)) + tail);
}

/** An answer as a router gives it, of the same size to the byte or two: what others answer with. */
export function answerOf(refs: number, valueBytes: number): FetchContextResponse {
  return create(FetchContextResponseSchema, {
    results: Array.from({ length: refs }, (_, index) => resultOf(index, valueBytes)),
  });
}

/** The same, encoded. */
export function answerBytes(refs: number, valueBytes: number): Uint8Array {
  return toBinary(FetchContextResponseSchema, answerOf(refs, valueBytes));
}

const asOfMs = Date.UTC(2026, 0, 1);

function resultOf(index: number, valueBytes: number): ItemResult {
  const payload = payloadOf(warmKey(index), valueBytes);
  return create(ItemResultSchema, {
    index,
    cache: CacheStatus.HIT_MEMORY,
    age: durationFromMs(1_234),
    quality: 0.98,
    outcome: {
      case: 'item',
      value: {
        body: { case: 'payload', value: payload },
        contentType: 'application/json',
        version: '1.0.0',
        etag: '',
        asOf: timestampFromMs(asOfMs),
        ttl: durationFromMs(3_600_000),
        sensitivity: Sensitivity.INTERNAL,
        provenance: { provider: providerName, providerVersion: '1.0.0', source: '' },
      },
    },
  });
}
