import { create } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { Client } from '@connectrpc/connect';
import { ContextRefSchema } from '../gen/weir/context/v1/context_pb.ts';
import { type Event, EventSchema, type EventService } from '../gen/weir/events/v1/events_pb.ts';
import { jsonType } from '../payload.ts';
import { type RefInput, toRef } from '../ref.ts';
import { type Sensitivity, sensitivityToWire } from '../sensitivity.ts';
import type { CallSettings } from './fetch.ts';

/** What is told of something that happened. */
export interface EventInput {
  /** What it happened to; events of one key keep their order. Default: nothing in particular. */
  readonly key?: string | undefined;
  /** More about it: bytes, a text, or a value that becomes JSON. At most 256 KiB. Default: nothing. */
  readonly data?: unknown;
  /**
   * The media type of the data. Default: `application/json`; of a text `text/plain`, of bytes
   * `application/octet-stream`. A text with a type of its own is sent as it stands.
   */
  readonly contentType?: string | undefined;
  /** The items that are not any more what they were; at most 32. Weir forgets what it holds of them. */
  readonly refs?: readonly RefInput[] | undefined;
  /** How sensitive it is. Default: `internal`. */
  readonly sensitivity?: Sensitivity | undefined;
  /** Names and values that describe it; policies can decide by them. */
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /** Who owns it. Default: nobody is named. */
  readonly owner?: string | undefined;
  /** What the publisher calls it, for who is told of it twice. Default: Weir gives it a name. */
  readonly id?: string | undefined;
  /** When it happened. Default: when it is published. */
  readonly time?: Date | undefined;
}

/** Something that happened, with its topic. */
export interface NewEvent extends EventInput {
  /** What kind of thing, such as `page.updated`: 1 to 8 names, separated by dots. */
  readonly topic: string;
}

/** How events are published. */
export interface PublishOptions extends CallSettings {
  /**
   * Names the request: sent again within a day, also by another process, it publishes nothing anew.
   * Default: a random one, which the retries of this call share.
   */
  readonly idempotencyKey?: string | undefined;
}

/** What became of a publish. */
export interface Published {
  /** The names of the events, in their order. */
  readonly ids: readonly string[];
  /** A fetch that brings it never gets an item of the events' refs as it was before. */
  readonly consistencyToken: string;
}

/** Publishes one event, or several: all of them or none. */
interface Publish {
  (topic: string, event?: EventInput, options?: PublishOptions): Promise<Published>;
  (events: readonly NewEvent[], options?: PublishOptions): Promise<Published>;
}

/** Makes what publishes. */
export function createPublish(client: Client<typeof EventService>): Publish {
  const send = async (
    events: readonly NewEvent[],
    { idempotencyKey = crypto.randomUUID(), timeoutMs, signal }: PublishOptions = {},
  ): Promise<Published> => {
    const call = { ...(timeoutMs !== undefined && { timeoutMs }), ...(signal && { signal }) };
    const answer = await client.publish({ events: events.map(eventToWire), idempotencyKey }, call);
    return { ids: answer.ids, consistencyToken: answer.consistencyToken };
  };
  return (
    first: string | readonly NewEvent[],
    second?: EventInput | PublishOptions,
    third?: PublishOptions,
  ) =>
    typeof first === 'string'
      ? send([{ ...(second as EventInput | undefined), topic: first }], third)
      : send(first, second as PublishOptions | undefined);
}

/** An event as messages have it. Throws TypeError when its data has no JSON. */
export function eventToWire({ data, time, refs = [], sensitivity, ...event }: NewEvent): Event {
  return create(EventSchema, {
    topic: event.topic,
    key: event.key ?? '',
    data: bytesOf(data),
    contentType: event.contentType ?? typeOf(data),
    refs: refs
      .map(toRef)
      .map(({ type, key, versionRange = '', provider = '' }) =>
        create(ContextRefSchema, { type, key, versionRange, provider }),
      ),
    sensitivity: sensitivityToWire(sensitivity),
    labels: { ...event.labels },
    owner: event.owner ?? '',
    id: event.id ?? '',
    ...(time && { time: timestampFromDate(time) }),
  });
}

function bytesOf(data: unknown): Uint8Array {
  if (data === undefined) return new Uint8Array();
  if (data instanceof Uint8Array) return data;
  const text: unknown = typeof data === 'string' ? data : JSON.stringify(data);
  if (typeof text === 'string') return new TextEncoder().encode(text);
  throw new TypeError(`data of type ${typeof data} has no JSON`);
}

function typeOf(data: unknown): string {
  if (data instanceof Uint8Array) return 'application/octet-stream';
  return typeof data === 'string' ? 'text/plain; charset=utf-8' : jsonType;
}
