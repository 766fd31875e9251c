import type { Duration, Timestamp } from '@bufbuild/protobuf/wkt';
import type { Sensitivity } from '@weir/sdk/gen/weir/context/v1/context_pb';
import type {
  Content,
  ContentPart,
  Failure,
  FetchResponse,
  FetchResult,
  NotModified,
} from '@weir/sdk/gen/weir/provider/v1/provider_pb';
import { MAX_LABELS } from '../../gather/land.ts';
import { WireReader, WireType } from './wire.ts';

/** Is asked while a message is decoded, so that a flood is stopped within it. */
export interface ResultWatch {
  /**
   * Something begins that costs by itself, however small it is: a result, an outcome in place of
   * another, a label in place of another.
   *
   * @throws {WeirError} when there is too much of that
   */
  piece(): void;
  /**
   * A result is there, which took so many bytes of the message.
   *
   * @throws {WeirError} when the answer has become larger than an answer may be
   */
  result(result: FetchResult, bytes: number): void;
}

type Outcome = FetchResult['outcome'];

/** Reads one message. */
class FetchReader extends WireReader {
  readonly watch: ResultWatch;
  /** Names of labels of the value that is being read. */
  labels = 0;

  constructor(bytes: Buffer, watch: ResultWatch) {
    super(bytes);
    this.watch = watch;
  }
}

const { varint, bit64, delimited } = WireType;

/**
 * Decodes a FetchResponse as the library does (the last of a oneof wins, submessages that come
 * twice are merged, what is unknown is left out), and asks the watch as it goes. Payloads and
 * parts are views of the bytes. Unlike the library,
 *
 * - a known field with another wire type, a varint of more than ten bytes, groups nested deeper
 *   than 32, and a submessage whose fields reach beyond its end are malformed;
 * - of an item with more labels than are carried, one too many is kept: enough to refuse it.
 *
 * @throws {MalformedBytes} when the bytes are no such message
 */
export function decodeFetchResponse(bytes: Buffer, watch: ResultWatch): FetchResponse {
  const reader = new FetchReader(bytes, watch);
  const results: FetchResult[] = [];
  while (reader.next()) {
    if (reader.field !== 1) {
      reader.skip();
      continue;
    }
    watch.piece();
    const from = reader.pos;
    const result = readResult(reader);
    watch.result(result, reader.pos - from);
    results.push(result);
  }
  return { $typeName: 'weir.provider.v1.FetchResponse', results };
}

function readResult(reader: FetchReader): FetchResult {
  let index = 0;
  let outcome: Outcome = { case: undefined };
  const outer = reader.enter();
  while (reader.next()) {
    const { field } = reader;
    if (field === 1) {
      reader.expect(varint);
      index = reader.uint32();
    } else if (field > 6) reader.skip();
    else outcome = readOutcome(reader, outcome);
  }
  reader.leave(outer);
  return { $typeName: 'weir.provider.v1.FetchResult', index, outcome };
}

/** The same outcome again is merged with what came of it before. */
function readOutcome(reader: FetchReader, before: Outcome): Outcome {
  const outcome = caseOf(reader.field, before);
  if (outcome !== before) {
    reader.labels = 0;
    if (before.case !== undefined) reader.watch.piece();
  }
  const outer = reader.enter();
  while (reader.next()) {
    if (outcome.case === 'content') readContent(reader, outcome.value);
    else if (outcome.case === 'part') readPart(reader, outcome.value);
    else if (outcome.case === 'notModified') readNotModified(reader, outcome.value);
    else if (outcome.case === 'failure') readFailure(reader, outcome.value);
    else reader.skip();
  }
  reader.leave(outer);
  return outcome;
}

function caseOf(field: number, before: Outcome): Outcome {
  switch (field) {
    case 2:
      return before.case === 'content' ? before : { case: 'content', value: emptyContent() };
    case 3:
      return before.case === 'notModified'
        ? before
        : { case: 'notModified', value: { $typeName: 'weir.provider.v1.NotModified' } };
    case 4:
      return before.case === 'notFound'
        ? before
        : { case: 'notFound', value: { $typeName: 'weir.provider.v1.NotFound' } };
    case 5:
      return before.case === 'failure'
        ? before
        : {
            case: 'failure',
            value: { $typeName: 'weir.provider.v1.Failure', code: 0, text: '' },
          };
    default:
      return before.case === 'part'
        ? before
        : { case: 'part', value: { $typeName: 'weir.provider.v1.ContentPart', data: noBytes } };
  }
}

function readContent(reader: FetchReader, content: Content): void {
  switch (reader.field) {
    case 1:
      reader.expect(delimited);
      content.payload = reader.view();
      return;
    case 2:
      reader.expect(delimited);
      content.contentType = reader.text();
      return;
    case 3:
      reader.expect(delimited);
      content.etag = reader.text();
      return;
    case 4:
      content.asOf ??= {
        $typeName: 'google.protobuf.Timestamp',
        seconds: 0n,
        nanos: 0,
      };
      readTime(reader, content.asOf);
      return;
    case 5:
      content.ttl ??= emptyDuration();
      readTime(reader, content.ttl);
      return;
    case 6:
      reader.expect(varint);
      content.sensitivity = reader.int32() as Sensitivity;
      return;
    case 7:
      reader.expect(bit64);
      content.quality = reader.double();
      return;
    case 8:
      reader.expect(delimited);
      content.source = reader.text();
      return;
    case 9:
      readLabel(reader, content.labels);
      return;
    case 10:
      reader.expect(delimited);
      content.owner = reader.text();
      return;
    case 11:
      reader.expect(varint);
      content.totalBytes = reader.uint64();
      return;
    default:
      reader.skip();
  }
}

function readLabel(reader: FetchReader, labels: Content['labels']): void {
  const outer = reader.enter();
  if (reader.labels > MAX_LABELS) reader.pos = reader.end;
  else {
    let name = '';
    let value = '';
    while (reader.next()) {
      if (reader.field > 2) reader.skip();
      else {
        reader.expect(delimited);
        if (reader.field === 1) name = reader.text();
        else value = reader.text();
      }
    }
    if (Object.hasOwn(labels, name)) reader.watch.piece();
    else reader.labels++;
    if (name === '__proto__') setOwn(labels, name, value);
    else labels[name] = value;
  }
  reader.leave(outer);
}

/** An assignment would set what the object inherits from. */
function setOwn(labels: Content['labels'], name: string, value: string): void {
  Object.defineProperty(labels, name, {
    ...{ value, writable: true, enumerable: true, configurable: true },
  });
}

function readPart(reader: WireReader, part: ContentPart): void {
  if (reader.field === 1) {
    reader.expect(delimited);
    part.data = reader.view();
  } else reader.skip();
}

function readNotModified(reader: WireReader, notModified: NotModified): void {
  if (reader.field === 1) {
    notModified.ttl ??= emptyDuration();
    readTime(reader, notModified.ttl);
  } else reader.skip();
}

function readFailure(reader: WireReader, failure: Failure): void {
  switch (reader.field) {
    case 1:
      reader.expect(varint);
      failure.code = reader.uint32();
      return;
    case 2:
      reader.expect(delimited);
      failure.text = reader.text();
      return;
    case 3:
      failure.retryDelay ??= emptyDuration();
      readTime(reader, failure.retryDelay);
      return;
    default:
      reader.skip();
  }
}

/** Times and durations lie alike. */
function readTime(reader: WireReader, time: Timestamp | Duration): void {
  const outer = reader.enter();
  while (reader.next()) {
    if (reader.field > 2) reader.skip();
    else {
      reader.expect(varint);
      if (reader.field === 1) time.seconds = reader.int64();
      else time.nanos = reader.int32();
    }
  }
  reader.leave(outer);
}

function emptyDuration(): Duration {
  return { $typeName: 'google.protobuf.Duration', seconds: 0n, nanos: 0 };
}

function emptyContent(): Content {
  return {
    $typeName: 'weir.provider.v1.Content',
    payload: noBytes,
    contentType: '',
    etag: '',
    sensitivity: 0,
    source: '',
    labels: {},
    owner: '',
    totalBytes: 0n,
  };
}

/** Holds nothing that could be changed. */
const noBytes = new Uint8Array(0);
