import { createHash, randomUUID } from 'node:crypto';
import { create, toBinary } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { type FieldViolation, keyFault, parseTopic, refuse, type WeirError } from '@weir/kit';
import { Sensitivity } from '@weir/sdk/gen/weir/context/v1/context_pb';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import {
  type Event,
  EventSchema,
  type PublishRequest,
  PublishRequestSchema,
} from '@weir/sdk/gen/weir/events/v1/events_pb';
import { MAX_NAME_LENGTH } from '../batch.ts';

/** The most events of a request. */
export const EVENTS_MAX = 256;
/** What they may take together, and the data of one of them. */
export const EVENTS_MAX_BYTES = 512 * 1024;
export const DATA_MAX_BYTES = 256 * 1024;
/** The most refs and labels of an event. */
export const REFS_MAX = 32;
export const LABELS_MAX = 32;
/** Of names that publishers give, and of owners and labels. */
export const TEXT_MAX_CHARS = 256;

const control = /\p{Cc}/u;
const DEFAULT_CONTENT_TYPE = 'application/json';

/** Events as the log takes them: whole, each with a name and a time. */
export interface Parsed {
  readonly events: Event[];
  /** Tells the request from every other one. */
  readonly fingerprint: Uint8Array<ArrayBuffer>;
}

/** Checks events to publish, and completes them. Throws MALFORMED_REQUEST and the like, naming the field. */
export function parseEvents(request: PublishRequest, nowMs: number): Parsed {
  const { events, idempotencyKey } = request;
  if (events.length === 0) throw refuse(Reason.BATCH_EMPTY, 'events is empty; give 1 or more');
  if (events.length > EVENTS_MAX) {
    const text = `events has ${events.length} entries; at most ${EVENTS_MAX}: publish them in several requests`;
    throw refuse(Reason.BATCH_TOO_LARGE, text);
  }
  requireShort('idempotency_key', idempotencyKey);
  const bytes = toBinary(PublishRequestSchema, request);
  if (bytes.length > EVENTS_MAX_BYTES) {
    const text = `the request has ${bytes.length} bytes; at most ${EVENTS_MAX_BYTES}: publish in several, or publish refs to what is large`;
    throw refuse(Reason.MESSAGE_TOO_LARGE, text);
  }
  return {
    events: events.map((event, index) => parseEvent(`events[${index}]`, event, nowMs)),
    fingerprint: new Uint8Array(createHash('sha256').update(bytes).digest()),
  };
}

/** Checks one event, and completes it. */
export function parseEvent(field: string, event: Event, nowMs: number): Event {
  parseTopic(`${field}.topic`, event.topic);
  if (event.key !== '') requireKey(`${field}.key`, event.key);
  if (event.data.length > DATA_MAX_BYTES) {
    const text = `has ${event.data.length} bytes; at most ${DATA_MAX_BYTES}: publish a ref to what is large`;
    throw at(Reason.MESSAGE_TOO_LARGE, `${field}.data`, text);
  }
  requireCount(`${field}.refs`, event.refs.length, REFS_MAX);
  for (const [index, { type, key }] of event.refs.entries()) {
    const path = `${field}.refs[${index}]`;
    if (type === '' || type.length > MAX_NAME_LENGTH) {
      const text = `is no type; give the name of one, of 1 to ${MAX_NAME_LENGTH} letters`;
      throw at(Reason.INVALID_NAME, `${path}.type`, text);
    }
    requireKey(`${path}.key`, key);
  }
  const labels = Object.entries(event.labels);
  requireCount(`${field}.labels`, labels.length, LABELS_MAX);
  for (const [name, value] of labels) requireShort(`${field}.labels`, name + value);
  requireShort(`${field}.owner`, event.owner);
  requireShort(`${field}.id`, event.id);
  requireShort(`${field}.content_type`, event.contentType);
  return create(EventSchema, {
    ...event,
    contentType: event.contentType || DEFAULT_CONTENT_TYPE,
    sensitivity: event.sensitivity || Sensitivity.INTERNAL,
    id: event.id || randomUUID(),
    time: event.time ?? timestampFromMs(nowMs),
  });
}

function requireKey(field: string, key: string): void {
  const text = keyFault(key);
  if (text !== undefined) throw at(Reason.INVALID_KEY, field, `: ${text}`);
}

function requireCount(field: string, count: number, max: number): void {
  if (count <= max) return;
  throw at(Reason.MALFORMED_REQUEST, field, `has ${count} entries; at most ${max}`);
}

function requireShort(field: string, text: string): void {
  if (text.length <= TEXT_MAX_CHARS && text.isWellFormed() && !control.test(text)) return;
  const fault = `is not text of at most ${TEXT_MAX_CHARS} characters, none of control`;
  throw at(Reason.MALFORMED_REQUEST, field, fault);
}

function at(reason: Reason, field: string, description: string): WeirError {
  const violations: FieldViolation[] = [{ field, description }];
  return refuse(reason, `${field} ${description}`, { violations });
}
