import { create, fromBinary } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { refuse } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { type StoredEvent, StoredEventSchema } from '@weir/sdk/gen/weir/events/v1/log_pb';
import { type EarlierEpoch, type LogState, lastShared } from '../event-log.ts';
import type { LogRedis } from './connect.ts';
import type { TenantKeys } from './keys.ts';

/** How much to read at once; the last event may go beyond the bytes. */
export interface Part {
  readonly after: bigint;
  readonly events: number;
  readonly bytes: number;
}

/** A part of a log, and how the log was at that moment. */
export interface ReadPart {
  readonly state: LogState;
  readonly events: readonly StoredEvent[];
}

/** Reads a part of a log in one step. */
export async function readPart(redis: LogRedis, keys: TenantKeys, part: Part): Promise<ReadPart> {
  const [log, events] = keys.log;
  const words = [String(part.after), part.events, part.bytes];
  const reply = (await redis.readEventsBuffer(2, log, events, ...words)) as Buffer[];
  const [head = '', first = '', epoch = '', earlier = ''] = reply.slice(0, 4).map(String);
  const state = { head: BigInt(head), first: BigInt(first), epoch, earlier: earlierOf(earlier) };
  return { state, events: eventsOf(reply.slice(4)) };
}

/** Every log goes on from the one that had no events yet. */
function earlierOf(text: string): EarlierEpoch[] {
  const epochs = text.split(' ').filter(Boolean);
  const known = epochs.map((one): EarlierEpoch => {
    const [epoch = '', last = ''] = one.split(':');
    return { epoch, last: BigInt(last) };
  });
  return [...known, { epoch: '', last: 0n }];
}

function eventsOf(words: readonly Buffer[]): StoredEvent[] {
  const events: StoredEvent[] = [];
  for (let at = 0; at < words.length; at += 3) {
    const [id, ms, bytes] = words.slice(at, at + 3);
    const position = BigInt(String(id).split('-')[0] ?? '');
    const publishTime = timestampFromMs(Number(ms));
    const { publisher, event } = fromBinary(StoredEventSchema, bytes as Buffer);
    events.push(
      create(StoredEventSchema, { position, publishTime, publisher, ...(event && { event }) }),
    );
  }
  return events;
}

/**
 * Throws CURSOR_TOO_OLD unless what was read is what comes after a place: the log may have been pruned,
 * flushed, or set back by a crash and gone on differently.
 */
export function requireNext(
  { state, events }: ReadPart,
  { position, epoch }: { readonly position: bigint; readonly epoch: string | undefined },
): void {
  const { head, first } = state;
  const shared = epoch === undefined ? head : lastShared(state, epoch);
  if (position > head || shared === undefined || position > shared) {
    throw refuse(
      Reason.CURSOR_TOO_OLD,
      'the cursor is of events that the log does not have, as after a loss of it; begin anew without it',
    );
  }
  const isWhole = events.every((event, at) => event.position === position + BigInt(at + 1));
  if (position + 1n >= first && isWhole && (events.length > 0 || position === head)) return;
  throw refuse(
    Reason.CURSOR_TOO_OLD,
    'what came after the cursor is not kept any more; begin anew, with start: START_EARLIEST for all that is kept',
  );
}
