import type { Logger } from '@weir/kit';
import type { LogRedis } from './connect.ts';

/**
 * When Redis writes to its disk what it acknowledges: before it does, every second, when the system
 * likes, or not at all; unknown: it does not say.
 */
export type Fsync = 'always' | 'everysec' | 'no' | 'off' | 'unknown';

/** What Redis is set to. */
export interface Promised {
  readonly fsync: Fsync;
  /** Whether Redis may forget logs to make room: they have no time to live. */
  readonly evicts: boolean;
}

/** Asks Redis what it is set to. Not everybody may ask for settings: a part is known without. */
export async function askPromised(redis: LogRedis): Promise<Promised> {
  const info = `${await redis.info('persistence')}\n${await redis.info('memory')}`;
  const said = (name: string) => new RegExp(`^${name}:(\\S+)`, 'm').exec(info)?.[1];
  const evicts = said('maxmemory_policy')?.startsWith('allkeys') ?? false;
  if (said('aof_enabled') === '0') return { fsync: 'off', evicts };
  const given = await redis.config('GET', 'appendfsync').catch(() => []);
  const [, word] = given as string[];
  const fsync = (['always', 'everysec', 'no'] as const).find((one) => one === word) ?? 'unknown';
  return { fsync, evicts };
}

const texts: Readonly<Record<Fsync, string>> = {
  always: 'events that Redis acknowledges lie on its disk',
  everysec: 'a crash of Redis or of its machine can lose events of the last second or two',
  no: 'a crash of the machine of Redis can lose events of the last half minute or more',
  off: 'Redis keeps events in memory alone: they end with it',
  unknown: 'Redis does not say whether events that it acknowledges lie on its disk',
};

/** Says in the log what is promised, each time that it is another. */
export function createTeller(log: Logger): (promised: Promised) => void {
  let told: Promised | undefined;
  return (promised) => {
    const { fsync, evicts } = promised;
    if (told?.fsync !== fsync) log[fsync === 'always' ? 'info' : 'warn']({ fsync }, texts[fsync]);
    if (evicts && !told?.evicts) {
      const text =
        'Redis may forget events to make room; set its maxmemory-policy to noeviction, or to one that begins with volatile';
      log.warn(text);
    }
    told = promised;
  };
}
