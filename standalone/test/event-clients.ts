import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { type Client, createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import {
  type DeliveredEvent,
  type Event,
  EventSchema,
  EventService,
  type SubscribeResponse,
} from '@weir/sdk/gen/weir/events/v1/events_pb';

/** A client of the events alone, over gRPC, that tries nothing again. */
export type Events = Client<typeof EventService>;

/** Opens a client of the events. */
export function eventsOf(url: string, key: string): Events {
  return createClient(
    EventService,
    createGrpcTransport({
      baseUrl: url,
      interceptors: [
        (next) => (request) => {
          request.header.set('authorization', `Bearer ${key}`);
          return next(request);
        },
      ],
    }),
  );
}

/** An event of a page. */
export function event(key: string, more: MessageInitShape<typeof EventSchema> = {}): Event {
  return create(EventSchema, { topic: 'page.updated', key, ...more });
}

/** Reads a subscription until so many events have come. */
export async function take(
  responses: AsyncIterable<SubscribeResponse>,
  count: number,
): Promise<{ events: DeliveredEvent[]; cursor: string }> {
  const events: DeliveredEvent[] = [];
  let cursor = '';
  for await (const response of responses) {
    events.push(...response.events);
    cursor = response.cursor;
    if (events.length >= count) break;
  }
  return { events, cursor };
}

/** The keys of events, in their order. */
export function keysOf(events: readonly DeliveredEvent[]): (string | undefined)[] {
  return events.map(({ event: one }) => one?.key);
}
