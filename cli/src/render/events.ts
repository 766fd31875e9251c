import { create } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { DeliveredEvent, WorkEvent } from '@weir/sdk';
import { ItemSchema } from '@weir/sdk/gen/weir/context/v1/context_pb';
import {
  DeliveredEventSchema,
  type DeliveredEvent as WireDelivered,
} from '@weir/sdk/gen/weir/events/v1/events_pb';
import { protoJson } from '../present.ts';
import { painter } from '../terminal.ts';
import { sensitivities, toWireRef, toWireResult } from '../wire.ts';
import { renderOutcome } from './outcome.ts';
import type { Screen } from './table.ts';
import { cutTo, indent, oneLine, widthOf } from './text.ts';
import { formatTime } from './time.ts';
import { readValue, type Value } from './value.ts';

/** What is shown of data where the width of the screen is not known. */
const DATA_COLUMNS = 120;
const DATA_LEAST_COLUMNS = 10;

/** An event as a subscriber or a worker gets it. */
type ShownEvent = Omit<DeliveredEvent, 'cursor' | 'replaced'> &
  Partial<Pick<DeliveredEvent, 'cursor' | 'replaced'> & Pick<WorkEvent, 'attempt'>>;

/** Renders an event on one line, and its items below. */
export function renderEvent(event: ShownEvent, screen: Screen): string {
  const paint = painter(screen);
  const time = formatTime(timestampFromDate(event.time));
  const topic = paint('bold', oneLine(event.topic));
  const key = oneLine(event.key);
  const taken = widthOf(`${time}  ${oneLine(event.topic)}  ${key}  `);
  const room = screen.columns === undefined ? DATA_COLUMNS : screen.columns - taken;
  const data = cutTo(dataText(event), Math.max(DATA_LEAST_COLUMNS, room));
  const line = [time, topic, key, data && paint('dim', data)].join('  ').trimEnd();
  const items = event.items.map((outcome) => {
    const shown = { ref: toWireRef(outcome.ref), result: toWireResult(outcome) };
    return indent(renderOutcome(shown, screen, event.items.length), '  ');
  });
  return `${line}\n${items.join('')}`;
}

/** An event on a line of JSON: as the contract's, with its value beside its bytes. */
export function eventJson(event: ShownEvent): string {
  const json = protoJson(DeliveredEventSchema, toWire(event)) as Record<string, unknown>;
  const told = json.event as Record<string, unknown>;
  const value = readData(event);
  const shown =
    value?.kind === 'json'
      ? { value: value.value }
      : value?.kind === 'text' && { value: value.text };
  return `${JSON.stringify({ ...json, event: { ...told, ...shown }, cursor: event.cursor })}\n`;
}

function dataText(event: ShownEvent): string {
  if (event.withheld) return '(withheld)';
  const value = readData(event);
  if (value === undefined) return '';
  switch (value.kind) {
    case 'json':
      return oneLine(JSON.stringify(value.value));
    case 'text':
      return oneLine(value.text);
    default:
      return `${value.sizeBytes} bytes of ${oneLine(value.contentType)}`;
  }
}

function readData({ data, contentType }: ShownEvent): Value | undefined {
  if (data.length === 0) return undefined;
  return readValue(create(ItemSchema, { contentType, body: { case: 'payload', value: data } }));
}

function toWire(event: ShownEvent): WireDelivered {
  const { topic, key, data, contentType, owner, id, publisher, position } = event;
  const { withheld, redacted, replaced = 0, consistencyToken } = event;
  return create(DeliveredEventSchema, {
    event: {
      ...{ topic, key, data, contentType, owner, id, labels: { ...event.labels } },
      refs: event.refs.map(toWireRef),
      sensitivity: sensitivities[event.sensitivity],
      time: timestampFromDate(event.time),
    },
    ...{ publisher, position, withheld, redacted, replaced, consistencyToken },
    publishTime: timestampFromDate(event.publishTime),
    items: event.items.map(toWireResult),
  });
}
