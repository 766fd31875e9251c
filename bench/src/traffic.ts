import { create, toBinary } from '@bufbuild/protobuf';
import { FetchContextRequestSchema } from '@weir/sdk/gen/weir/router/v1/router_pb';
import type { Body, Scenario, Traffic } from './model.ts';
import { createRandom, createZipf } from './run/random.ts';
import { freshDigits, freshKey, itemType, warmKey } from './values.ts';
import { purpose } from './weir/policies.ts';

/** Where batches are fetched. */
export const fetchPath = '/weir.router.v1.RouterService/FetchContext';

/** A prime, so that in time every principal sends every body. */
const bodiesOfTraffic = 1_999;
const freshMark = freshKey(0).slice(0, -freshDigits);
/** Has no factor in common with any number of keys. */
const scatterPrime = 7_368_787;

/**
 * The traffic of a scenario: batches whose keys are drawn by Zipf's law, no key twice in a batch. The
 * same seed gives the same traffic.
 */
export function trafficOf(scenario: Scenario, heads: Traffic['heads'], seed: number): Traffic {
  const { keys, refs, freshRefs } = scenario;
  const draw = keys > 0 ? createZipf(keys, createRandom(seed)) : () => 0;
  return {
    path: fetchPath,
    protocol: 'grpc',
    heads,
    bodies: Array.from({ length: bodiesOfTraffic }, () =>
      bodyOf(
        [
          ...Array.from({ length: freshRefs }, (_, i) => ({ type: itemType, key: freshKey(i) })),
          ...drawKeys(draw, { keys, count: refs - freshRefs }),
        ],
        purpose,
      ),
    ),
    results: refs,
    refusalsAllowed: false,
  };
}

function drawKeys(draw: () => number, { keys, count }: { keys: number; count: number }) {
  if (count > keys) throw new Error(`a batch of ${count} different keys, and there are ${keys}`);
  const ranks = new Set<number>();
  while (ranks.size < count) ranks.add(draw());
  // Keys that are asked for often do not lie beside each other in memory.
  return [...ranks].map((rank) => ({ type: itemType, key: warmKey((rank * scatterPrime) % keys) }));
}

/** A batch as it is sent, for a purpose or for none. */
export function bodyOf(
  refs: readonly { readonly type: string; readonly key: string }[],
  purpose: string,
): Body {
  const request = create(FetchContextRequestSchema, { refs: [...refs], purpose });
  const bytes = toBinary(FetchContextRequestSchema, request);
  const fresh = refs.filter(({ key }) => key.startsWith(freshMark));
  const freshAt: number[] = [];
  let from = 0;
  for (const { key } of fresh) {
    const at = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).indexOf(key, from);
    freshAt.push(at + freshMark.length);
    from = at + key.length;
  }
  return { bytes, freshAt };
}
