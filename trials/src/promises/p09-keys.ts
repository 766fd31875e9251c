import { Code, ConnectError } from '@connectrpc/connect';
import type { Promised } from './promise.ts';
import {
  ANSWERED_TYPE,
  isShutOut,
  openRevoking,
  percentile,
  type RouterClient,
  SILENT_TYPE,
  untilTrue,
} from './revoking.ts';

const ROUNDS = 50;
const REFUSED_MAX_MS = 1_000;
const CLOSED_MAX_MS = 2_000;
const STREAM_TIMEOUT_MS = 60_000;

/** A key that is revoked lets nobody in any more, and ends what it had begun. */
export const p09: Promised = {
  id: 'P9',
  says: 'a revoked key is refused by every connected router within 1 s and its streams closed within 2 s',
  async measure(signal) {
    await using revoking = await openRevoking();
    const refused: number[] = [];
    const closed: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      signal.throwIfAborted();
      const { id, routers } = await revoking.newKey(`reader-${round}`);
      const streams = routers.map((router) => openStream(router));
      await Promise.all(streams.map(({ begun }) => begun));
      await revoking.admin.admin.revokeKey({ id });
      const revokedMs = performance.now();
      refused.push(
        ...(await Promise.all(routers.map((router) => untilTrue(() => isShutOut(router))))),
      );
      const ends = await Promise.all(streams.map(({ ended }) => ended));
      closed.push(...ends.map((endMs) => endMs - revokedMs));
    }
    return [
      { figure: 'p50 until refused', value: percentile(refused, 0.5), unit: 'ms' },
      { figure: 'longest', value: percentile(refused, 1), unit: 'ms', limit: REFUSED_MAX_MS },
      { figure: 'p50 until its stream is closed', value: percentile(closed, 0.5), unit: 'ms' },
      { figure: 'longest', value: percentile(closed, 1), unit: 'ms', limit: CLOSED_MAX_MS },
    ];
  },
};

/** A stream of one item that comes, and one that never does. */
function openStream(router: RouterClient): { begun: Promise<void>; ended: Promise<number> } {
  const { promise: begun, resolve } = Promise.withResolvers<void>();
  const refs = [ANSWERED_TYPE, SILENT_TYPE].map((type) => ({ type, key: 'k' }));
  const read = async () => {
    try {
      const options = { timeoutMs: STREAM_TIMEOUT_MS };
      for await (const _ of router.streamContext({ fetch: { refs } }, options)) resolve();
      return Number.NaN;
    } catch (error) {
      const { code } = ConnectError.from(error);
      return code === Code.Unauthenticated ? performance.now() : Number.NaN;
    }
  };
  return { begun, ended: read() };
}
