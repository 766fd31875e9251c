import { choice, flag, optional, retentionSettings, url } from '@weir/kit';

/** The settings of the log of events. */
export const eventSettings = {
  eventsLog: choice('WEIR_EVENTS_LOG', ['registry', 'redis'], {
    doc: 'Where events are kept: in the database of the registry, or in Redis; the same for all routers',
    default: 'registry',
  }),
  eventsRedisUrl: optional(
    url('WEIR_EVENTS_REDIS_URL', {
      doc: 'The Redis of the log of events; none: that of WEIR_REDIS_URL',
      protocols: ['redis', 'rediss'],
    }),
  ),
  ...retentionSettings,
  eventsDurable: flag('WEIR_EVENTS_DURABLE', {
    doc: 'Whether events are taken by a log in Redis only while it writes to its disk before it acknowledges (appendonly yes, appendfsync always)',
    default: 'false',
  }),
};
