import { timestampMs } from '@bufbuild/protobuf/wkt';
import { EndpointHealth } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import type { SnapshotEndpoint } from '@weir/sdk/gen/weir/registry/v1/watch_pb';
import type { Core } from './core.ts';
import { withHealth } from './endpoints.ts';
import type { Transaction } from './store/store.ts';

const FORGET_AFTER_MS = 10 * 60_000;

/** Puts endpoints down whose lease ran out, and forgets them in time. */
export interface LeaseKeeper {
  sweep(): Promise<void>;
}

/** Creates the keeper. Run it a few times per lease. `onExpired` is told of each that ran out. */
export function createLeaseKeeper(
  core: Omit<Core, 'checks'>,
  onExpired: () => void = () => {},
): LeaseKeeper {
  const { clock, store, leaseMs } = core;
  let sweptMs = { wall: clock.wallMs(), monotonic: clock.monotonicMs() };

  async function sweep(): Promise<void> {
    const now = { wall: clock.wallMs(), monotonic: clock.monotonicMs() };
    const sinceMs = now.monotonic - sweptMs.monotonic;
    const steppedMs = Math.abs(now.wall - sweptMs.wall - sinceMs);
    // After a pause, an outage of the store or a step of the clock, nobody could have kept a
    // lease: all get a fresh one. Half a lease is enough, since heartbeats come each third.
    if (sinceMs > leaseMs / 2 || steppedMs > leaseMs / 2) {
      await store.renewAllLeases(now.wall + leaseMs);
    } else {
      await expire(now.wall);
    }
    sweptMs = now;
  }

  async function expire(nowMs: number): Promise<void> {
    const expired = await store.endpointsExpiredBefore(nowMs);
    if (!expired.some((endpoint) => isDue(endpoint, nowMs))) return;
    const { value } = await store.transact(async (tx) => {
      const due = (await tx.endpointsExpiredBefore(nowMs)).filter((one) => isDue(one, nowMs));
      for (const endpoint of due) await end(tx, endpoint, nowMs);
      return due;
    });
    for (const endpoint of value) if (wasServing(endpoint)) onExpired();
  }

  return { sweep };
}

function isDue({ endpoint }: SnapshotEndpoint, nowMs: number): boolean {
  if (endpoint?.health !== EndpointHealth.DOWN) return true;
  const downSinceMs = endpoint.healthTime ? timestampMs(endpoint.healthTime) : 0;
  return nowMs - downSinceMs > FORGET_AFTER_MS;
}

/** One that drained is gone for good; one that was up may come back. */
async function end(tx: Transaction, held: SnapshotEndpoint, nowMs: number): Promise<void> {
  const { tenant, endpoint } = held;
  if (!endpoint) return;
  if (wasServing(held)) await tx.putEndpoint(withHealth(held, EndpointHealth.DOWN, nowMs));
  else await tx.deleteEndpoint(tenant, endpoint.id);
}

function wasServing({ endpoint }: SnapshotEndpoint): boolean {
  const { UP, UNSPECIFIED } = EndpointHealth;
  return endpoint?.health === UP || endpoint?.health === UNSPECIFIED;
}
