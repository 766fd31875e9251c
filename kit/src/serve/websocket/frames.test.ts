import { fromBinary, fromJsonString, toJson } from '@bufbuild/protobuf';
import { anyUnpack } from '@bufbuild/protobuf/wkt';
import { ErrorInfoSchema } from '@weir/sdk/gen/google/rpc/error_details_pb';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { ClientFrameSchema, ServerFrameSchema } from '@weir/sdk/gen/weir/websocket/v1/frames_pb';
import { describe, expect, test } from 'vitest';
import { refuse, toConnectError } from '../../errors.ts';
import { codecs, type FrameCodec } from './frames.ts';
import { encodeFrame } from './test-socket.ts';

const codec = (name: string) => codecs.get(name) as FrameCodec;
const proto = codec('weir.v1.proto');
const json = codec('weir.v1.json');
const text = (frame: object) => Buffer.from(JSON.stringify(frame));

describe('what clients send reads alike in both forms', () => {
  test.each([
    ['cancel', { cancel: { call: 3 } }],
    ['credit', { credit: { call: 3, messages: 8 } }],
    ['open', { open: { call: 1, method: '/a/B', metadata: { a: 'b' }, timeoutMs: 9, credit: 2 } }],
  ])('%s', (_, frame) => {
    const read = json.read(text(frame));
    expect(toJson(ClientFrameSchema, { ...read, frame: withoutMessage(read.frame) })).toEqual(
      frame,
    );
    const init = fromJsonString(ClientFrameSchema, JSON.stringify(frame));
    expect(toJson(ClientFrameSchema, proto.read(Buffer.from(encodeFrame(init))))).toEqual(frame);
  });

  const withoutMessage = (frame: ReturnType<FrameCodec['read']>['frame']) =>
    frame.case === 'open'
      ? { ...frame, value: { ...frame.value, message: new Uint8Array() } }
      : frame;

  test('the message of a call is its JSON, and an empty one when it is left out', () => {
    const messageOf = (open: object) => {
      const { frame } = json.read(text({ open: { call: 1, ...open } }));
      return frame.case === 'open' && Buffer.from(frame.value.message).toString();
    };
    expect(messageOf({ message: { refs: [{ key: 'ä"' }] } })).toBe('{"refs":[{"key":"ä\\""}]}');
    expect(messageOf({})).toBe('{}');
  });
});

describe('what servers send', () => {
  const error = toConnectError(
    refuse(Reason.OVERLOADED, 'too much', { retryDelayMs: 50, metadata: { a: 'b' } }),
    'r1',
  );
  const metadata = { 'x-request-id': 'r1' };

  test('in protobuf', () => {
    const read = (frame: Uint8Array | string) =>
      fromBinary(ServerFrameSchema, frame as Uint8Array).frame;
    const bytes = new Uint8Array([1, 2, 3]);
    expect(read(proto.message(7, bytes)).value).toMatchObject({ call: 7, message: bytes });
    expect(read(proto.goAway('stop')).value).toMatchObject({ text: 'stop' });
    const { value } = read(proto.end({ call: 7, error, metadata }));
    expect(value).toMatchObject({ call: 7, code: 14, text: 'too much', metadata });
    const [info] = value?.$typeName === 'weir.websocket.v1.End' ? value.details : [];
    expect(info && anyUnpack(info, ErrorInfoSchema)).toMatchObject({
      ...{ reason: 'REASON_OVERLOADED', domain: 'weir', metadata: { a: 'b', request_id: 'r1' } },
    });
  });

  test('in JSON, with the message of a call and the details as JSON within', () => {
    const read = (frame: Uint8Array | string) => JSON.parse(frame as string);
    expect(read(json.message(7, Buffer.from('{"a":"ä"}')))).toEqual({
      message: { call: 7, message: { a: 'ä' } },
    });
    expect(read(json.goAway('stop'))).toEqual({ goAway: { text: 'stop' } });
    expect(read(json.end({ call: 7, metadata }))).toEqual({ end: { call: 7, metadata } });
    expect(read(json.end({ call: 7, error, metadata })).end).toMatchObject({
      code: 14,
      text: 'too much',
      details: [
        { '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason: 'REASON_OVERLOADED' },
        { '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '0.050s' },
      ],
    });
  });
});
