import { createHash, randomUUID } from 'node:crypto';
import { toBinary } from '@bufbuild/protobuf';
import { type Event, EventSchema } from '@weir/sdk/gen/weir/events/v1/events_pb';
import type { WatchResponse } from '@weir/sdk/gen/weir/provider/v1/provider_pb';
import { EVENTS_MAX, EVENTS_MAX_BYTES } from '../events/parse-events.ts';
import type { Place } from './duties.ts';

/** As much of a message as is one request to the log. */
export interface Part {
  readonly events: readonly Event[];
  /** Where the first of them stands in the message. */
  readonly from: number;
  /** What the events take, encoded. */
  readonly bytes: number;
  /** The same when the message comes again; another one where that cannot be told. */
  readonly name: string;
  readonly fingerprint: Uint8Array<ArrayBuffer>;
}

/**
 * Cuts a message as the log takes it, before anything is left out of it, so that the same message is
 * always cut at the same places. What comes again is known by its cursor: without one, or with the one
 * before, it is another message, however alike.
 */
export function partsOf({ events, cursor }: WatchResponse, before: Place): readonly Part[] {
  const hash = createHash('sha256').update(JSON.stringify([before.run, cursor]));
  const cut: { events: Event[]; from: number; bytes: number }[] = [];
  for (const [from, event] of events.entries()) {
    const encoded = toBinary(EventSchema, event);
    const bytes = encoded.length;
    hash.update(`${bytes}:`).update(encoded);
    const last = cut.at(-1);
    if (last && last.events.length < EVENTS_MAX && last.bytes + bytes <= EVENTS_MAX_BYTES) {
      last.events.push(event);
      last.bytes += bytes;
    } else cut.push({ events: [event], from, bytes });
  }
  const fingerprint = new Uint8Array(hash.digest());
  const isPlaced = cursor !== '' && cursor !== before.cursor;
  const name = isPlaced ? Buffer.from(fingerprint).toString('base64url') : randomUUID();
  return cut.map((part, index) => ({ ...part, name: `${name}/${index}`, fingerprint }));
}

/** The most parts, and what they take, that are committed at once; one may take more. */
const TOGETHER_MAX = 64;
const TOGETHER_MAX_BYTES = 1024 * 1024;

/** Parts as they are committed at once, in their order. */
export function* together(parts: readonly Part[]): Generator<readonly Part[]> {
  let group: Part[] = [];
  let bytes = 0;
  for (const part of parts) {
    const fits = group.length < TOGETHER_MAX && bytes + part.bytes <= TOGETHER_MAX_BYTES;
    if (!fits && group.length > 0) {
      yield group;
      group = [];
      bytes = 0;
    }
    group.push(part);
    bytes += part.bytes;
  }
  if (group.length > 0) yield group;
}
