import { randomUUID } from 'node:crypto';
import { create, toBinary } from '@bufbuild/protobuf';
import { refuse } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { StoredEventSchema } from '@weir/sdk/gen/weir/events/v1/log_pb';
import type { Appended, Appending } from '../event-log.ts';
import type { LogRedis } from './connect.ts';
import { type Kept, keptIn, wordsOf } from './kept.ts';
import type { Keys } from './keys.ts';

/** Where events are committed, and what of them is kept. */
export interface Committing {
  readonly keys: Keys;
  readonly kept: Kept;
}

/** Commits events in one step. Throws ALREADY_EXISTS for other events under a known key, and what Redis throws. */
export async function appendEvents(
  redis: LogRedis,
  { keys, kept }: Committing,
  appending: Appending,
): Promise<Appended> {
  const { tenant, publisher, events, idempotencyKey, fingerprint } = appending;
  const stored = events.map((event) =>
    Buffer.from(toBinary(StoredEventSchema, create(StoredEventSchema, { publisher, event }))),
  );
  const reply = await redis.appendEventsBuffer(
    ...[5, ...keys.of(tenant).log, keys.tenants],
    ...[...wordsOf(keptIn(kept, tenant)), keys.channel, tenant, randomUUID()],
    idempotencyKey === '' ? '' : JSON.stringify([publisher, idempotencyKey]),
    Buffer.from(fingerprint).toString('hex'),
    JSON.stringify(events.map(({ id }) => id)),
    ...stored,
  );
  const [kind, position = '', epoch = '', ids = '[]'] = (reply as Buffer[]).map(String);
  if (kind === 'other') throw otherEvents();
  return { position: BigInt(position), epoch, ids: JSON.parse(ids) as string[] };
}

function otherEvents() {
  return refuse(
    Reason.ALREADY_EXISTS,
    'idempotency_key was used for other events within the last day; give another one',
  );
}
