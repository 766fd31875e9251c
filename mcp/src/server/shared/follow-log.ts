import { setTimeout as sleep } from 'node:timers/promises';
import type { JsonObject } from '@bufbuild/protobuf';
import { reasonOf } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import type { SharedLogs } from './logs.ts';

/** How long it takes until a log that cannot be reached is tried again, from try to try. */
const RETRY_MS: readonly number[] = [100, 250, 1_000, 2_000];

/** What following a log for good needs. */
export interface Following {
  readonly logs: SharedLogs;
  readonly log: string;
  /** With what is kept of it, or with what comes. */
  readonly from: 'all' | 'end';
  readonly signal: AbortSignal;
  /** Is told of each entry. */
  take(entry: JsonObject): void;
}

/** Follows a log until the signal, whatever happens to it. Calls `caughtUp` when it was read to its end once. */
export async function followLog(following: Following, caughtUp: () => void = () => {}) {
  const { logs, log, take, signal } = following;
  let position: bigint | undefined;
  for (let tries = 0; !signal.aborted; tries++) {
    try {
      const { after, last } = await logs.kept(log, signal);
      position ??= following.from === 'all' ? after : last;
      if (position >= last) caughtUp();
      for await (const part of logs.follow(log, position, signal)) {
        tries = 0;
        part.entries.forEach(take);
        position = part.position;
        if (position >= last) caughtUp();
      }
    } catch (error) {
      // What came next is gone, or it is another log: all that is there is news.
      if (reasonOf(error) === Reason.CURSOR_TOO_OLD) position = undefined;
    }
    if (signal.aborted) return;
    const retryMs = RETRY_MS[Math.min(tries, RETRY_MS.length - 1)];
    await sleep(retryMs, undefined, { signal }).catch(() => undefined);
  }
}
