import type { Caller, Clock } from '@weir/kit';
import { LRUCache } from 'lru-cache';

/** Of the heartbeats with one credential, one in so long is recorded. */
export const HEARTBEAT_RECORDED_MS = 10 * 60 * 1000;
/** Credentials that are remembered; of one that is forgotten the next heartbeat is recorded. */
const CREDENTIALS_MAX = 20_000;

/**
 * Heartbeats change nothing and come every few seconds from each endpoint: all of them in the journal
 * would bury what it is for. Makes the function that tells whether one is to be recorded: the
 * first with a credential, and then one in ten minutes.
 */
export function createHeartbeats(clock: Clock): (caller: Caller) => boolean {
  const recordedAtMs = new LRUCache<string, number>({ max: CREDENTIALS_MAX });
  return ({ tenant, keyId }) => {
    const name = `${tenant}/${keyId}`;
    const nowMs = clock.monotonicMs();
    const last = recordedAtMs.get(name) ?? Number.NEGATIVE_INFINITY;
    if (nowMs - last < HEARTBEAT_RECORDED_MS) return false;
    recordedAtMs.set(name, nowMs);
    return true;
  };
}
