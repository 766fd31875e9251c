import type { Logger } from '@weir/kit';
import type { LogRedis } from './connect.ts';
import { askPromised, createTeller, type Promised } from './durability.ts';
import type { Health } from './faults.ts';
import { forgetOld } from './keeper.ts';
import type { Kept } from './kept.ts';
import type { Keys } from './keys.ts';
import type { LogObserver } from './observe.ts';

/** How often it is looked what Redis promises, and what is old is forgotten. */
const INTERVAL_MS = 60_000;
/** How often it is looked whether the connection that hears lives; it may hear nothing for long. */
const PING_MS = 5_000;

/** What is done for a log in Redis now and then. */
export interface Tending extends AsyncDisposable {
  /** What the Redis that is connected promises; undefined: it was not asked yet. */
  readonly promised: Promised | undefined;
}

/** What tending needs. */
export interface TendingDeps {
  readonly redis: LogRedis;
  readonly hearing: LogRedis;
  readonly keys: Keys;
  readonly kept: Kept;
  readonly log: Logger;
  readonly observer: LogObserver | undefined;
  readonly health: Health;
}

/** Tends a log in Redis until it is disposed of. */
export function openTending(deps: TendingDeps): Tending {
  const { redis, hearing, keys, kept, log, observer, health } = deps;
  let promised: Promised | undefined;
  const tell = createTeller(log);
  const look = async () => {
    promised = await askPromised(redis);
    observer?.promises(promised.fsync);
    tell(promised);
  };
  const tend = async () => {
    await look();
    try {
      await forgetOld(redis, keys, { kept, everyMs: INTERVAL_MS });
      health.well('written');
    } catch (error) {
      health.failed('written', error);
    }
  };
  let tending: Promise<void> | undefined;
  const begin = (task: () => Promise<void>) => {
    if (redis.status !== 'ready') return;
    tending ??= task()
      .catch((error: unknown) => log.debug({ err: error }, 'the log in Redis was not tended'))
      .finally(() => {
        tending = undefined;
      });
  };
  redis.on('ready', () => begin(look));
  // What comes back may be another one.
  redis.on('close', () => {
    promised = undefined;
  });
  const timer = setInterval(() => begin(tend), INTERVAL_MS);
  const pinging = setInterval(() => {
    if (hearing.status === 'ready') hearing.ping().catch(() => {});
  }, PING_MS);
  return {
    get promised() {
      return promised;
    },
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      clearInterval(pinging);
      // What is under way ends with it.
      redis.disconnect();
      await tending;
    },
  };
}
