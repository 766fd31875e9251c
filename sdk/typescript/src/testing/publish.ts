import { equals } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import { Code } from '@connectrpc/connect';
import { refusedCall } from '../errors.ts';
import { Reason } from '../gen/weir/errors/v1/reason_pb.ts';
import {
  type Event,
  type EventService,
  type PublishRequest,
  PublishRequestSchema,
} from '../gen/weir/events/v1/events_pb.ts';
import { isTopic } from '../provider/faults.ts';
import type { TestEventLog } from './event-log.ts';

const eventsMax = 256;
const dataMaxBytes = 256 * 1024;
/** How many requests are known when they come again. */
const knownMax = 1_000;

/** Publishes into a log in memory, each request once. */
export function testPublish(log: TestEventLog): ServiceImpl<typeof EventService>['publish'] {
  const known = new Map<string, { readonly request: PublishRequest; readonly ids: string[] }>();
  return (request) => {
    check(request.events);
    const { idempotencyKey, events } = request;
    const before = idempotencyKey === '' ? undefined : known.get(idempotencyKey);
    if (before && !equals(PublishRequestSchema, before.request, request)) {
      const text = 'idempotency_key was used for other events; give another one';
      throw refusedCall(Code.AlreadyExists, Reason.ALREADY_EXISTS, text);
    }
    const ids = before?.ids ?? log.append(events).map(({ event }) => event.id);
    if (idempotencyKey !== '') known.set(idempotencyKey, { request, ids });
    for (const oldest of known.keys()) {
      if (known.size <= knownMax) break;
      known.delete(oldest);
    }
    return { ids, consistencyToken: `test:${log.head}` };
  };
}

function check(events: readonly Event[]): void {
  if (events.length === 0) {
    const text = 'events is empty; give 1 or more';
    throw refusedCall(Code.InvalidArgument, Reason.BATCH_EMPTY, text);
  }
  if (events.length > eventsMax) {
    const text = `events has ${events.length} entries; at most ${eventsMax}: publish them in several requests`;
    throw refusedCall(Code.InvalidArgument, Reason.BATCH_TOO_LARGE, text);
  }
  for (const [index, { topic, data }] of events.entries()) {
    if (!isTopic(topic)) {
      const text = `events[${index}].topic is no topic; write 1 to 8 names like "page.updated"`;
      throw refusedCall(Code.InvalidArgument, Reason.INVALID_NAME, text);
    }
    if (data.length > dataMaxBytes) {
      const text = `events[${index}].data has ${data.length} bytes; at most ${dataMaxBytes}: publish a ref to what is large`;
      throw refusedCall(Code.ResourceExhausted, Reason.MESSAGE_TOO_LARGE, text);
    }
  }
}
