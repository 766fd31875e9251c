import type { Logger } from '@weir/kit';
import type { LogRedis } from './connect.ts';

/** Wakes who waits for more of a log. A wake-up can be missed: it is never the truth. */
export interface Wakes {
  /** Waits for more of a tenant's log, at most so long. */
  wait(tenant: string, maxMs: number): Waiting;
}

/** Who waits; disposed of, it waits no more. */
export interface Waiting extends Disposable {
  /** Resolves when there may be more, or it waits no more. */
  readonly woken: Promise<void>;
}

/** Listens, on a connection of its own, to what is committed by whichever router. */
export function listenFor(channel: string, redis: LogRedis, log: Logger): Wakes {
  const waiting = new Map<string, Set<() => void>>();
  const wake = (tenant: string) => {
    for (const one of [...(waiting.get(tenant) ?? [])]) one();
  };
  redis.on('message', (_, tenant: string) => wake(tenant));
  redis.on('ready', () => {
    // What was committed while nobody listened is looked for.
    const wakeAll = () => [...waiting.keys()].forEach(wake);
    redis.subscribe(channel).then(wakeAll, ({ message }: Error) => {
      log.warn({ err: message }, 'Redis does not wake who waits for events; they are looked for');
    });
  });
  return {
    wait(tenant, maxMs) {
      const { promise: woken, resolve } = Promise.withResolvers<void>();
      const late = setTimeout(resolve, maxMs);
      const all = waiting.get(tenant) ?? new Set();
      waiting.set(tenant, all.add(resolve));
      return {
        woken,
        [Symbol.dispose]() {
          clearTimeout(late);
          all.delete(resolve);
          if (all.size === 0 && waiting.get(tenant) === all) waiting.delete(tenant);
          resolve();
        },
      };
    },
  };
}
