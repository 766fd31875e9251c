import { toBinary } from '@bufbuild/protobuf';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { PREFIX_BYTES, writePrefix } from '@weir/kit';
import {
  type DeliveredEvent,
  DeliveredEventSchema,
  SubscribeResponseSchema,
} from '@weir/sdk/gen/weir/events/v1/events_pb';

/** What is told in one message. */
export interface Told {
  readonly events: readonly DeliveredEvent[];
  readonly cursor: string;
}

const { events: eventsField, cursor: cursorField } = SubscribeResponseSchema.field;

/** Fields of a message, by the event that they hold: it is the same object for all who may see the same. */
const fields = new WeakMap<DeliveredEvent, Uint8Array>();
/** The message that ended with an event last: those who read at one pace, as one principal, get the same. */
const messages = new WeakMap<DeliveredEvent, Told & { readonly bytes: Uint8Array }>();

/** Encodes a message, behind its prefix. The bytes may be those of others, too. */
export function encodeTold(told: Told): Uint8Array {
  const last = told.events.at(-1);
  if (last === undefined) return concatenated([], told.cursor);
  const known = messages.get(last);
  if (known && isSame(known, told)) return known.bytes;
  const bytes = concatenated(told.events.map(fieldOf), told.cursor);
  messages.set(last, { ...told, bytes });
  return bytes;
}

function isSame(a: Told, b: Told): boolean {
  if (a.cursor !== b.cursor || a.events.length !== b.events.length) return false;
  for (let at = 0; at < a.events.length; at++) if (a.events[at] !== b.events[at]) return false;
  return true;
}

function fieldOf(event: DeliveredEvent): Uint8Array {
  const known = fields.get(event);
  if (known) return known;
  const field = new BinaryWriter()
    .tag(eventsField.number, WireType.LengthDelimited)
    .bytes(toBinary(DeliveredEventSchema, event))
    .finish();
  fields.set(event, field);
  return field;
}

/** Fields one after the other are a message. */
function concatenated(events: readonly Uint8Array[], cursor: string): Uint8Array {
  const end = new BinaryWriter().tag(cursorField.number, WireType.LengthDelimited).string(cursor);
  const parts = [...events, end.finish()];
  const length = parts.reduce((sum, part) => sum + part.length, PREFIX_BYTES);
  const bytes = Buffer.allocUnsafeSlow(length);
  let at = PREFIX_BYTES;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  writePrefix(bytes);
  return bytes;
}
