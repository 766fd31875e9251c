import { fromBinary } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import { refuse, WeirError } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import {
  type FetchResponse,
  type FetchResult,
  type ListResponse,
  ListResponseSchema,
  type WatchResponse,
  WatchResponseSchema,
} from '@weir/sdk/gen/weir/provider/v1/provider_pb';
import { MAX_PAYLOAD_BYTES } from '../gather/land.ts';
import type { ProviderVersion } from '../snapshot/catalogue.ts';
import type { Decoder } from './lean/client.ts';
import { decodeFetchResponse, type ResultWatch } from './lean/decode-fetch.ts';
import { countPieces, eventPieces, listPieces } from './lean/pieces.ts';

/** Reads one answer of a provider, so that none is endless and none fills the memory. */
export interface AnswerGuard<T> {
  /**
   * Decodes a message, and stops within it as soon as it has more than an answer may have.
   *
   * @throws {WeirError} when the answer has become larger than an answer may be
   * @throws {ConnectError} internal: the bytes are no such message
   */
  decode(bytes: Buffer): T;
  /** Whether every query has been spoken of. */
  readonly complete: boolean;
}

/** Messages and results that may come beside one for each query. */
const SPARE_PIECES = 64;
/** For so many bytes of values, another message and another result may come. */
const BYTES_PER_PIECE = 4 * 1024;
/** Far more than any page is asked for. */
const PAGE_MAX_ENTRIES = 10_000;
/** Entries of a page, and their labels. */
const PAGE_MAX_PIECES = 200_000;
/** The most events of a message of a watch, what they take together, and their refs and labels. */
export const WATCH_EVENTS_MAX = 1_000;
export const WATCH_MAX_BYTES = 4 * 1024 * 1024;
const WATCH_MAX_PIECES = 70_000;

/** Begins to read the answer to so many queries. */
export function createAnswerGuard(
  provider: ProviderVersion,
  queries: number,
): AnswerGuard<FetchResponse> {
  return new FetchGuard(provider, queries);
}

/** Counts as the decoder goes; one for each call, so it is a class: closures would cost more. */
class FetchGuard implements AnswerGuard<FetchResponse>, ResultWatch {
  private readonly provider: ProviderVersion;
  private readonly queries: number;
  private readonly spokenOf = new Set<number>();
  /** Begun, and on their way into the blob store, which counts their parts itself. */
  private stored: Set<number> | undefined;
  private bytes = 0;
  private heldBytes = 0;
  private messages = 0;
  private pieces = 0;

  constructor(provider: ProviderVersion, queries: number) {
    this.provider = provider;
    this.queries = queries;
  }

  get complete(): boolean {
    return this.spokenOf.size === this.queries;
  }

  decode(bytes: Buffer): FetchResponse {
    this.messages++;
    if (this.messages > this.allowed()) throw this.flood();
    return understood(() => decodeFetchResponse(bytes, this));
  }

  piece(): void {
    this.pieces++;
    if (this.pieces > this.allowed()) throw this.flood();
  }

  result(result: FetchResult, bytes: number): void {
    const { index, outcome } = result;
    // What nobody asked for earns no room for more of it.
    if (index < this.queries) {
      this.bytes += bytes;
      this.spokenOf.add(index);
    }
    if (isLarge(result)) {
      this.stored ??= new Set();
      this.stored.add(index);
    }
    if (outcome.case !== 'part' || !this.stored?.has(index)) this.heldBytes += bytes;
    if (this.heldBytes > this.provider.limits.responseBytes) throw tooLarge(this.provider);
  }

  private allowed(): number {
    return this.queries + SPARE_PIECES + Math.floor(this.bytes / BYTES_PER_PIECE);
  }

  private flood(): Error {
    return flood(this.provider, `${this.messages} messages with ${this.pieces} results`);
  }
}

/** Reads a page of a list, which is one message. */
export function createPageGuard(provider: ProviderVersion): AnswerGuard<ListResponse> {
  const guard = {
    complete: false,
    decode(bytes: Buffer) {
      if (guard.complete) {
        const text = 'protocol error: received extra output message for unary method';
        throw new ConnectError(text, Code.Unimplemented);
      }
      guard.complete = true;
      return understood(() => {
        const { entries, pieces } = countPieces(bytes, PAGE_MAX_PIECES, listPieces);
        if (entries > PAGE_MAX_ENTRIES) throw flood(provider, `over ${PAGE_MAX_ENTRIES} entries`);
        if (pieces >= PAGE_MAX_PIECES) throw flood(provider, `over ${PAGE_MAX_PIECES} labels`);
        return fromBinary(ListResponseSchema, bytes, { readUnknownFields: false });
      });
    },
  };
  return guard;
}

/** Reads a watch, whose messages are bounded one by one. */
export function createWatchDecoder(provider: ProviderVersion): Decoder<WatchResponse> {
  return {
    decode: (bytes) =>
      understood(() => {
        if (bytes.length > WATCH_MAX_BYTES) throw flood(provider, `${bytes.length} bytes at once`);
        const { entries, pieces } = countPieces(bytes, WATCH_MAX_PIECES, eventPieces);
        if (entries > WATCH_EVENTS_MAX) throw flood(provider, `over ${WATCH_EVENTS_MAX} events`);
        if (pieces >= WATCH_MAX_PIECES) throw flood(provider, `over ${WATCH_MAX_PIECES} labels`);
        return fromBinary(WatchResponseSchema, bytes, { readUnknownFields: false });
      }),
  };
}

/** What cannot be understood is the provider's failure. */
export function understood<T>(decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    if (error instanceof WeirError) throw error;
    const text = error instanceof Error ? error.message : String(error);
    throw new ConnectError(`the answer cannot be read: ${text}`, Code.Internal);
  }
}

/** Whether a value is begun that goes into the blob store. */
function isLarge({ outcome }: FetchResult): boolean {
  return outcome.case === 'content' && outcome.value.totalBytes > MAX_PAYLOAD_BYTES;
}

export function tooLarge({ name, limits }: ProviderVersion): Error {
  return refuse(
    Reason.ITEM_TOO_LARGE,
    `the answer of provider ${name} has more than ${limits.responseBytes} bytes, its limit; ask for fewer items at once, or raise limits.response_bytes in its manifest`,
  );
}

export function flood({ name }: ProviderVersion, came: string): Error {
  const text = `provider ${name} sent ${came}, far more than was asked for`;
  return refuse(Reason.PROVIDER_GARBAGE, text);
}
