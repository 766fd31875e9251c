import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { PREFIX_BYTES } from '@weir/kit';
import {
  DeliveredEventSchema,
  SubscribeResponseSchema,
} from '@weir/sdk/gen/weir/events/v1/events_pb';
import { describe, expect, test } from 'vitest';
import { encodeTold, type Told } from './encode-told.ts';

const delivered = (position: bigint, bytes = 3) =>
  create(DeliveredEventSchema, {
    event: { topic: 'page.updated', key: 'ü', data: new Uint8Array(bytes).fill(7) },
    ...{ publisher: 'ann', position, consistencyToken: 'c', replaced: 2, redacted: true },
    publishTime: { seconds: 1n, nanos: 5 },
    items: [{ index: 3 }],
  });
const [one, two, large] = [delivered(1n), delivered(2n), delivered(3n, 100_000)];

/** What stands in a frame; its prefix must be that of one message that is not compressed. */
function messageIn(frame: Uint8Array): Uint8Array {
  const { buffer, byteOffset } = frame;
  const head = new DataView(buffer, byteOffset, PREFIX_BYTES);
  expect(head.getUint8(0)).toBe(0);
  expect(head.getUint32(1)).toBe(frame.length - PREFIX_BYTES);
  return frame.subarray(PREFIX_BYTES);
}

describe('a message', () => {
  const cases: Record<string, Told> = {
    'of an event': { events: [one], cursor: 'here.mac' },
    'of several': { events: [one, two, large], cursor: 'there.mac' },
    'of some of them, with another cursor': { events: [two, large], cursor: 'elsewhere.mac' },
    'of none': { events: [], cursor: 'here.mac' },
  };
  test.each(Object.entries(cases))('%s is what the library makes of it', (_, told) => {
    const message = create(SubscribeResponseSchema, { ...told, events: [...told.events] });
    const encoded = messageIn(encodeTold(told));
    expect(Buffer.from(encoded)).toEqual(Buffer.from(toBinary(SubscribeResponseSchema, message)));
  });

  test('is made once for all who get the same', () => {
    const first = encodeTold({ events: [one, two], cursor: 'a' });
    expect(encodeTold({ events: [one, two], cursor: 'a' })).toBe(first);
  });

  test('is another one for who gets other events, or has another cursor', () => {
    const keysOf = (told: Told) => {
      const { events, cursor } = fromBinary(SubscribeResponseSchema, messageIn(encodeTold(told)));
      return [...events.map(({ position }) => position), cursor];
    };
    encodeTold({ events: [one, two], cursor: 'a' });
    expect(keysOf({ events: [one, two], cursor: 'b' })).toEqual([1n, 2n, 'b']);
    expect(keysOf({ events: [two], cursor: 'b' })).toEqual([2n, 'b']);
    // An event of the same place that this one sees otherwise.
    expect(keysOf({ events: [delivered(9n), two], cursor: 'b' })).toEqual([9n, 2n, 'b']);
  });
});
