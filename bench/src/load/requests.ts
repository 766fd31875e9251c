import type { LoadJob, Body as SentBody, Traffic } from '../model.ts';
import { freshDigits } from '../values.ts';
import { defaultMaxFrameBytes, frameFlag, frameHeadBytes, frameOf, frameType } from './frames.ts';
import { encodePost, type Fields } from './header-block.ts';

/** The head of a DATA frame that ends its stream, and its content. */
interface Body {
  readonly frame: Uint8Array;
  /** Where fresh digits go. */
  readonly freshAt: readonly number[];
}

/** A gRPC message has its flags and its length before it. */
export const grpcPrefixBytes = 5;

/** The calls of a job, one after the other: each of the bodies under each of the heads, by turns. */
export class Requests {
  readonly #heads: readonly Uint8Array[];
  readonly #bodies: readonly Body[];
  readonly #fresh: FreshKeys;
  #count = 0;

  /** Encodes all of them. Throws when a head is too long for one frame. */
  constructor(job: LoadJob) {
    this.#heads = job.traffic.heads.map((fields, index) => encodeHead(job, fields, index));
    this.#bodies = job.traffic.bodies.map((body) => encodeBody(job.traffic.protocol, body));
    this.#fresh = new FreshKeys(job.freshFrom);
  }

  /** The HEADERS frame of the call; its stream has no number yet. */
  get head(): Uint8Array {
    return this.#heads[this.#count % this.#heads.length] as Uint8Array;
  }

  /** The DATA frame of the call, without its fresh keys; its stream has no number yet. */
  get body(): Uint8Array {
    return (this.#bodies[this.#count % this.#bodies.length] as Body).frame;
  }

  /** Writes the call's fresh keys into a copy of its body, and goes on to the next call. */
  finish(bytes: Uint8Array, at: number): void {
    const { freshAt } = this.#bodies[this.#count % this.#bodies.length] as Body;
    for (let i = 0; i < freshAt.length; i++) this.#fresh.write(bytes, at + (freshAt[i] as number));
    this.#count++;
  }

  /** The next fresh key. */
  get freshNext(): number {
    return this.#fresh.next;
  }
}

function encodeBody(protocol: Traffic['protocol'], { bytes, freshAt }: SentBody): Body {
  const prefix = protocol === 'grpc' ? grpcPrefix(bytes.length) : Buffer.alloc(0);
  const content = Buffer.concat([prefix, bytes]);
  return {
    frame: frameOf(frameType.data, { flags: frameFlag.endStream, content }),
    freshAt: freshAt.map((at) => at + frameHeadBytes + prefix.length),
  };
}

function encodeHead(job: LoadJob, fields: Fields, index: number): Uint8Array {
  const content = encodePost([
    [':path', job.traffic.path],
    [':authority', `${job.host}:${job.port}`],
    ...protocolFields(job),
    // Always the same, as a number by chance would make each answer another one.
    ['x-request-id', `bench-${String(index).padStart(6, '0')}`],
    ...fields,
  ]);
  if (content.length > defaultMaxFrameBytes) throw new Error('the head of a call is too long');
  return frameOf(frameType.headers, { flags: frameFlag.endHeaders, content });
}

function protocolFields({ traffic, timeoutMs }: LoadJob): Fields {
  const timeout = String(Math.ceil(timeoutMs));
  switch (traffic.protocol) {
    case 'grpc':
      return [
        ['content-type', 'application/grpc'],
        ['te', 'trailers'],
        ['grpc-timeout', `${timeout}m`],
      ];
    case 'connect':
      return [
        ['content-type', 'application/proto'],
        ['connect-protocol-version', '1'],
        ['connect-timeout-ms', timeout],
      ];
  }
}

function grpcPrefix(length: number): Uint8Array {
  const prefix = Buffer.alloc(grpcPrefixBytes);
  prefix.writeUInt32BE(length, 1);
  return prefix;
}

const zero = 0x30;
const nine = 0x39;

/** Counts fresh keys, in digits: an increment touches one digit, nine times in ten. */
export class FreshKeys {
  readonly #digits: Uint8Array;

  constructor(from: number) {
    this.#digits = Buffer.from(String(from).padStart(freshDigits, '0'));
  }

  get next(): number {
    return Number(Buffer.from(this.#digits).toString());
  }

  /** Writes one and counts on. */
  write(bytes: Uint8Array, at: number): void {
    const digits = this.#digits;
    for (let i = 0; i < freshDigits; i++) bytes[at + i] = digits[i] as number;
    let last = freshDigits - 1;
    while (last >= 0 && digits[last] === nine) digits[last--] = zero;
    if (last >= 0) digits[last] = (digits[last] as number) + 1;
  }
}
