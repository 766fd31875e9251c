import { type Logger, type Metrics, SettingsError } from '@weir/kit';
import type { RouterConfig } from '../config.ts';
import { createRegistryLog, type EventLog, type RegistryWays } from './event-log.ts';
import { keptOf } from './redis/kept.ts';
import { observeLog } from './redis/observe.ts';
import { openRedisLog } from './redis-log.ts';
import { eventSettings } from './settings.ts';

/** What opening the log of events needs. */
export interface OpenLogDeps {
  /** What it is disposed of with. */
  readonly stack: AsyncDisposableStack;
  readonly ways: RegistryWays;
  readonly log: Logger;
  readonly metrics: Metrics;
}

/** Opens the log of events that the settings name. Throws SettingsError. */
export function openEventLog(
  config: RouterConfig,
  { stack, ways, log, metrics }: OpenLogDeps,
): EventLog {
  const { eventsLog, eventsRedisUrl, redisUrl, eventsDurable: durable } = config;
  if (eventsLog === 'registry') return createRegistryLog(ways);
  const url = eventsRedisUrl ?? redisUrl;
  if (url === undefined) {
    const { variable } = eventSettings.eventsLog;
    const mend = `set ${eventSettings.eventsRedisUrl.variable} or WEIR_REDIS_URL, or leave it out`;
    throw new SettingsError(variable, 'is redis, and no Redis is set', mend);
  }
  const kept = keptOf(config.eventsKeptMs, config.eventsMaxBytes);
  return stack.use(openRedisLog({ url, log, durable, kept, observer: observeLog(metrics) }));
}
