import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import { DeliveredEventSchema } from '@weir/sdk/gen/weir/events/v1/events_pb';
import type { Topic } from './declared-topics.ts';
import { wireSchemas } from './wire-schema.ts';

/** The most topics that one document describes. */
export const DESCRIBED_TOPICS_MAX = 1_000;
/** What the schemas of data take of it, as text; of the topics beyond it no schema is given. */
export const DATA_SCHEMAS_MAX_CHARS = 4 * 1024 * 1024;

/** Whose topics they are, and where they are subscribed to. */
export interface Described {
  readonly tenant: string;
  /** The topics, in their order. */
  readonly topics: readonly Topic[];
  /** Where callers reach Weir. */
  readonly url: URL;
}

const SCHEMAS = '#/components/schemas';
const METHOD = 'weir.events.v1.EventService/Subscribe';

/** Describes topics as an AsyncAPI 3 document: of an application that subscribes to them. */
export function asyncApiOf({ tenant, topics, url }: Described): JsonObject {
  const channels: JsonObject = {};
  const operations: JsonObject = {};
  const messages: JsonObject = {};
  const room = { chars: DATA_SCHEMAS_MAX_CHARS };
  for (const topic of topics.slice(0, DESCRIBED_TOPICS_MAX)) {
    const name = topic.topic;
    channels[name] = channelOf(topic);
    messages[name] = messageOf(topic, room);
    operations[`subscribe.${name}`] = operationOf(name);
  }
  return {
    asyncapi: '3.1.0',
    id: `urn:weir:events:${encodeURIComponent(tenant)}`,
    info: infoOf(tenant),
    defaultContentType: 'application/json',
    servers: { weir: serverOf(url) },
    channels,
    operations,
    components: {
      messages,
      schemas: wireSchemas(DeliveredEventSchema, SCHEMAS),
      securitySchemes: {
        key: { type: 'http', scheme: 'bearer', description: 'An API key or an access token.' },
      },
    },
  };
}

function infoOf(tenant: string): JsonObject {
  return {
    title: `Events of ${tenant}`,
    version: '1.0.0',
    description:
      'The topics that you may subscribe to: those that providers declare, and those on which ' +
      'events were published lately.',
    tags: [{ name: 'events' }],
  };
}

function serverOf({ host, protocol }: URL): JsonObject {
  return {
    host,
    protocol: protocol === 'https:' ? 'https' : 'http',
    description: `${METHOD} over gRPC, gRPC-Web or Connect. Messages are described in their JSON form.`,
    security: [{ $ref: '#/components/securitySchemes/key' }],
  };
}

function channelOf({ topic, title, description }: Topic): JsonObject {
  return {
    address: topic,
    title: title || topic,
    description: description || 'No provider describes it.',
    servers: [{ $ref: '#/servers/weir' }],
    messages: { event: { $ref: `#/components/messages/${topic}` } },
  };
}

function operationOf(topic: string): JsonObject {
  return {
    action: 'receive',
    channel: { $ref: `#/channels/${topic}` },
    summary: `Subscribes to ${topic}.`,
    messages: [{ $ref: `#/channels/${topic}/messages/event` }],
    'x-weir-call': { method: METHOD, request: { topics: [topic] } },
  };
}

function messageOf({ topic, title, data }: Topic, room: { chars: number }): JsonObject {
  const event = { topic: { const: topic }, ...dataOf(topic, data, room) };
  return {
    name: topic,
    title: title || topic,
    contentType: 'application/json',
    payload: {
      allOf: [
        { $ref: `${SCHEMAS}/${DeliveredEventSchema.name}` },
        { type: 'object', properties: { event: { type: 'object', properties: event } } },
      ],
    },
  };
}

/** Where the schema of the data stands in the message of a topic. */
const placeOf = (topic: string): string =>
  `#/components/messages/${topic}/payload/allOf/1/properties/event/properties/data/contentSchema`;

function dataOf(topic: string, schema: JsonObject | undefined, room: { chars: number }) {
  if (!schema) return {};
  const { $schema: _dialect, $id: _id, ...rest } = schema;
  const contentSchema = movedTo(placeOf(topic), rest);
  const chars = contentSchema === undefined ? 0 : JSON.stringify(contentSchema).length;
  if (contentSchema === undefined || chars > room.chars) return {};
  room.chars -= chars;
  return {
    data: {
      ...{ type: 'string', contentEncoding: 'base64', contentMediaType: 'application/json' },
      contentSchema,
    },
  };
}

/** A schema whose references are right in another place; undefined: they cannot be moved. */
function movedTo(place: string, value: JsonValue): JsonValue | undefined {
  if (Array.isArray(value)) {
    const items = value.map((item) => movedTo(place, item));
    return items.some((item) => item === undefined) ? undefined : (items as JsonValue[]);
  }
  if (typeof value !== 'object' || value === null) return value;
  const moved: [string, JsonValue][] = [];
  for (const [name, held] of Object.entries(value)) {
    const next = typeof held === 'string' ? keywordMoved(place, name, held) : movedTo(place, held);
    if (next === undefined) return undefined;
    moved.push([name, next]);
  }
  return Object.fromEntries(moved);
}

function keywordMoved(place: string, name: string, text: string): string | undefined {
  if (name === '$ref') return /^#(\/|$)/.test(text) ? place + text.slice(1) : undefined;
  return /^\$(id|anchor|dynamicRef|dynamicAnchor)$/.test(name) ? undefined : text;
}
