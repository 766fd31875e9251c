import { toBinary } from '@bufbuild/protobuf';
import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { DurationSchema, durationFromMs } from '@bufbuild/protobuf/wkt';
import { payloadOf as makeValue } from '../../values.ts';

// By hand, for it shares a core with the load: provider.proto has the numbers of the fields.

const queryOfRequest = 1;
const keyOfQuery = 3;
const resultOfResponse = 1;
const indexOfResult = 1;
const contentOfResult = 2;
const payloadOfContent = 1;
const contentTypeOfContent = 2;
const ttlOfContent = 5;

/** Answers a batch: every key has its value. */
export function createAnswerFetch(
  valueBytes: number,
  ttlMs: number,
): (request: Uint8Array) => Uint8Array {
  const ttl = toBinary(DurationSchema, durationFromMs(ttlMs));
  return (request) => {
    const writer = new BinaryWriter();
    for (const [index, key] of keysOf(request).entries()) {
      writer.tag(resultOfResponse, WireType.LengthDelimited).fork();
      if (index > 0) writer.tag(indexOfResult, WireType.Varint).uint32(index);
      writer.tag(contentOfResult, WireType.LengthDelimited).fork();
      writer
        .tag(payloadOfContent, WireType.LengthDelimited)
        .bytes(makeValue(key, valueBytes))
        .tag(contentTypeOfContent, WireType.LengthDelimited)
        .string('application/json')
        .tag(ttlOfContent, WireType.LengthDelimited)
        .bytes(ttl);
      writer.join().join();
    }
    return writer.finish();
  };
}

function keysOf(request: Uint8Array): string[] {
  const keys: string[] = [];
  const reader = new BinaryReader(request);
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (field === queryOfRequest) keys.push(keyOf(reader, reader.uint32()));
    else reader.skip(wireType);
  }
  return keys;
}

function keyOf(reader: BinaryReader, length: number): string {
  const end = reader.pos + length;
  let key = '';
  while (reader.pos < end) {
    const [field, wireType] = reader.tag();
    if (field === keyOfQuery) key = reader.string();
    else reader.skip(wireType);
  }
  return key;
}
