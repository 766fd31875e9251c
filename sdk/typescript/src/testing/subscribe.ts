import { create } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { Code, type ServiceImpl } from '@connectrpc/connect';
import { delay } from '../delay.ts';
import { refusedCall } from '../errors.ts';
import type { ItemResult } from '../gen/weir/context/v1/context_pb.ts';
import { Reason } from '../gen/weir/errors/v1/reason_pb.ts';
import {
  type Event,
  type EventService,
  Start,
  type SubscribeRequest,
} from '../gen/weir/events/v1/events_pb.ts';
import { FetchContextRequestSchema } from '../gen/weir/router/v1/router_pb.ts';
import { isTopic } from '../provider/faults.ts';
import type { LoggedEvent, TestEventLog } from './event-log.ts';
import { answer, type TestRouting } from './router.ts';

const topicsMax = 16;
const eventsOfMessage = 32;
/** How often a message comes, also without events. */
const heartbeatMs = 10_000;
/** How long the items of events are waited for. */
const fetchMs = 5_000;

/** Delivers what is in a log in memory, and what comes. */
export function testSubscribe(
  log: TestEventLog,
  routing: TestRouting,
): ServiceImpl<typeof EventService>['subscribe'] {
  return async function* (request, { signal }) {
    const isWanted = topicFilter(request.topics);
    const { maxPerSecond, latestOnly } = request;
    const most = Math.min(maxPerSecond || eventsOfMessage, eventsOfMessage);
    let position = beginAt(log, request);
    let dueMs = 0;
    while (!signal.aborted) {
      await log.more(position, Math.max(0, dueMs - performance.now()), signal);
      const batch = log.after(position, most);
      position = batch.at(-1)?.position ?? position;
      const wanted = batch.filter(({ event }) => isWanted(event.topic));
      if (wanted.length === 0 && performance.now() < dueMs) continue;
      const shown = latestOnly ? latestOf(wanted) : wanted.map((one) => ({ one, replaced: 0 }));
      const events = await Promise.all(
        shown.map(async ({ one: { event, publishTime, position: at }, replaced }) => ({
          ...{ event, replaced, position: at, publisher: routing.caller.principal },
          ...(publishTime && { publishTime }),
          items: request.fetch ? await itemsOf(routing, event.refs, signal) : [],
          consistencyToken: `test:${at}`,
        })),
      );
      yield { events, cursor: `${log.epoch}:${position}` };
      dueMs = performance.now() + heartbeatMs;
      if (maxPerSecond > 0) await delay((events.length * 1_000) / maxPerSecond, signal);
    }
  };
}

function topicFilter(patterns: readonly string[]): (topic: string) => boolean {
  if (patterns.length === 0 || patterns.length > topicsMax) {
    const text = `topics has ${patterns.length} entries; give 1 to ${topicsMax}, or "*" for all`;
    throw refusedCall(Code.InvalidArgument, Reason.INVALID_NAME, text);
  }
  for (const [index, pattern] of patterns.entries()) {
    if (pattern === '*' || isTopic(pattern.replace(/\.\*$/, ''))) continue;
    const text = `topics[${index}] is no topic; write 1 to 8 names like "page.updated"`;
    throw refusedCall(Code.InvalidArgument, Reason.INVALID_NAME, text);
  }
  return (topic) =>
    patterns.some((pattern) =>
      pattern.endsWith('*') ? topic.startsWith(pattern.slice(0, -1)) : topic === pattern,
    );
}

function beginAt(log: TestEventLog, { cursor, start }: SubscribeRequest): bigint {
  if (cursor === '') return start === Start.EARLIEST ? log.first - 1n : log.head;
  const [epoch, position = ''] = cursor.split(':');
  if (epoch !== log.epoch || !/^\d{1,15}$/.test(position)) {
    const text =
      'cursor is malformed, altered or from another installation; send one that came with an event, or none';
    throw refusedCall(Code.InvalidArgument, Reason.INVALID_CURSOR, text);
  }
  if (BigInt(position) + 1n >= log.first) return BigInt(position);
  const text = 'what came after the cursor is not kept any more; begin anew without it';
  throw refusedCall(Code.OutOfRange, Reason.CURSOR_TOO_OLD, text);
}

/** Of each topic and key the last one, and how many gave way to it. */
function latestOf(events: readonly LoggedEvent[]) {
  const last = new Map<string, { readonly one: LoggedEvent; readonly replaced: number }>();
  for (const one of events) {
    const { topic, key } = one.event;
    const name = key === '' ? `${one.position}` : JSON.stringify([topic, key]);
    const before = last.get(name);
    last.delete(name);
    last.set(name, { one, replaced: before ? before.replaced + 1 : 0 });
  }
  return [...last.values()];
}

async function itemsOf(
  routing: TestRouting,
  refs: Event['refs'],
  signal: AbortSignal,
): Promise<ItemResult[]> {
  if (refs.length === 0) return [];
  const asked = create(FetchContextRequestSchema, { refs, itemTimeout: durationFromMs(fetchMs) });
  const items: ItemResult[] = [];
  for await (const item of answer(routing, asked, signal)) items[item.index] = item;
  return items;
}
