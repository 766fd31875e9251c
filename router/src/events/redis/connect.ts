import { Redis } from 'ioredis';
import { APPEND, DROP, KEEP, READ, WRITE_GROUP } from './scripts.ts';

/** After so long without an answer the connection is ended: what was asked may have been done. */
const ANSWER_MAX_MS = 2_000;
const RECONNECT_MAX_MS = 1_000;

type Words = readonly (string | number | Uint8Array)[];

/** A connection to Redis that knows the scripts; it sends nothing again that it has sent. */
export type LogRedis = Redis & {
  appendEventsBuffer(keys: number, ...words: Words): Promise<unknown>;
  readEventsBuffer(keys: number, ...words: Words): Promise<unknown>;
  keepEvents(keys: number, ...words: Words): Promise<unknown>;
  dropLog(keys: number, ...words: Words): Promise<unknown>;
  writeGroup(keys: number, ...words: Words): Promise<unknown>;
};

/** Opens a connection; opens also when Redis is away. */
export function connectLog(url: string): LogRedis {
  return new Redis(url, {
    connectTimeout: ANSWER_MAX_MS,
    socketTimeout: ANSWER_MAX_MS,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    retryStrategy: (times) => Math.min(times * 50, RECONNECT_MAX_MS),
    // After a failover the address may lead to another server.
    reconnectOnError: (error) => error.message.startsWith('READONLY'),
    scripts: {
      appendEvents: { lua: APPEND },
      readEvents: { lua: READ },
      keepEvents: { lua: KEEP },
      dropLog: { lua: DROP },
      writeGroup: { lua: WRITE_GROUP },
    },
  }) as LogRedis;
}
