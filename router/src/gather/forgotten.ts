import type { Redis, Result } from 'ioredis';

/** How far a tenant's log of events was taken in. */
export interface LogPlace {
  readonly tenant: string;
  /** The installation whose log it is. */
  readonly epoch: string;
  /** Of the last event. */
  readonly position: bigint;
}

/** The first byte of a mark; no entry begins with it. */
const MARK = 8;
/** Longer than any value is on its way. */
export const MARK_KEPT_MS = 600_000;
/** A mark is no longer than that. */
const MARK_MAX_BYTES = 1_024;

declare module 'ioredis' {
  interface RedisCommander<Context> {
    weirSet(
      key: string,
      entry: Buffer,
      keptMs: number,
      ...known: string[]
    ): Result<unknown, Context>;
    weirDelete(key: string): Result<unknown, Context>;
    weirForget(
      key: string,
      keptMs: number,
      log: string,
      position: string,
    ): Result<unknown, Context>;
  }
}

const readMark = `
  local mark = redis.pcall('GETRANGE', KEYS[1], 0, ${MARK_MAX_BYTES})
  local position, log
  if type(mark) == 'string' and string.byte(mark) == ${MARK} then
    position, log = string.match(mark, '^.(%d+):(.*)$')
  end`;

/**
 * In place of a value that an event tells of stands a mark, with the event's place in its log. It keeps
 * those from writing who have not heard of that event: what they bring may be from before. Whoever has
 * does not bring such a value.
 */
const scripts = {
  weirSet: `${readMark}
  if position then
    local isKnown = false
    for at = 3, #ARGV, 2 do
      if ARGV[at] == log and tonumber(ARGV[at + 1]) >= tonumber(position) then isKnown = true end
    end
    if not isKnown then return 0 end
  end
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
  return 1`,
  weirDelete: `${readMark}
  if not position then redis.call('DEL', KEYS[1]) end`,
  weirForget: `${readMark}
  if position and log == ARGV[2] and tonumber(position) >= tonumber(ARGV[3]) then return end
  redis.call('SET', KEYS[1], string.char(${MARK}) .. ARGV[3] .. ':' .. ARGV[2], 'PX', ARGV[1])`,
};

/** Teaches a client to write with respect to marks. */
export function defineScripts(redis: Redis): void {
  for (const [name, lua] of Object.entries(scripts)) {
    redis.defineCommand(name, { lua, numberOfKeys: 1 });
  }
}

/** What names a log in a mark. */
export function logOf({ tenant, epoch }: LogPlace): string {
  return `${epoch}\0${tenant}`;
}

/** Places as arguments of a script. */
export function placesOf(known: readonly LogPlace[]): string[] {
  return known.flatMap((place) => [logOf(place), String(place.position)]);
}
