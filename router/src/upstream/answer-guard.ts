import { refuse } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import type {
  FetchResponse,
  FetchResult,
  ListResponse,
} from '@weir/sdk/gen/weir/provider/v1/provider_pb';
import { MAX_PAYLOAD_BYTES } from '../gather/land.ts';
import type { ProviderVersion } from '../snapshot/catalogue.ts';

/** Watches one answer of a provider, so that none is endless and none fills the memory. */
export interface AnswerGuard<T> {
  /**
   * Takes note of a message.
   *
   * @throws {WeirError} when the answer has become larger than an answer may be
   */
  look(message: T): void;
  /** Whether every query has been spoken of. */
  readonly complete: boolean;
}

/** Messages and results that may come beside one for each query. */
const SPARE_PIECES = 64;
/** For so many bytes of values, another message and another result may come. */
const BYTES_PER_PIECE = 4 * 1024;
/** Far more than any page is asked for. */
const PAGE_MAX_ENTRIES = 10_000;

/** Begins to watch the answer to so many queries. */
export function createAnswerGuard(
  provider: ProviderVersion,
  queries: number,
): AnswerGuard<FetchResponse> {
  const { responseBytes } = provider.limits;
  const spokenOf = new Set<number>();
  /** Begun, and on their way into the blob store, which counts their parts itself. */
  const stored = new Set<number>();
  let bytes = 0;
  let heldBytes = 0;
  let messages = 0;
  let results = 0;

  return {
    get complete() {
      return spokenOf.size === queries;
    },
    look(message) {
      messages++;
      results += message.results.length;
      for (const result of message.results) {
        const size = bytesOf(result);
        // What nobody asked for earns no room for more of it.
        if (result.index < queries) bytes += size;
        if (isLarge(result)) stored.add(result.index);
        if (result.outcome.case !== 'part' || !stored.has(result.index)) heldBytes += size;
        if (result.index < queries) spokenOf.add(result.index);
      }
      if (heldBytes > responseBytes) throw tooLarge(provider);
      const allowed = queries + SPARE_PIECES + Math.floor(bytes / BYTES_PER_PIECE);
      if (messages > allowed || results > allowed)
        throw flood(provider, `${messages} messages with ${results} results`);
    },
  };
}

/** Watches a page of a list. */
export function createPageGuard(provider: ProviderVersion): AnswerGuard<ListResponse> {
  return {
    complete: true,
    look({ entries }) {
      if (entries.length > PAGE_MAX_ENTRIES) throw flood(provider, `${entries.length} entries`);
    },
  };
}

/** Whether a value is begun that goes into the blob store. */
function isLarge({ outcome }: FetchResult): boolean {
  return outcome.case === 'content' && outcome.value.totalBytes > MAX_PAYLOAD_BYTES;
}

/** What a result weighs: its value, with the texts beside it. */
function bytesOf({ outcome }: FetchResult): number {
  switch (outcome.case) {
    case 'content': {
      const { payload, source, owner, etag, contentType, labels } = outcome.value;
      let bytes = payload.byteLength;
      bytes += source.length + owner.length + etag.length + contentType.length;
      for (const name in labels) bytes += name.length + (labels[name]?.length ?? 0);
      return bytes;
    }
    case 'part':
      return outcome.value.data.byteLength;
    case 'failure':
      return outcome.value.text.length;
    default:
      return 0;
  }
}

function tooLarge({ name, limits }: ProviderVersion): Error {
  return refuse(
    Reason.ITEM_TOO_LARGE,
    `the answer of provider ${name} has more than ${limits.responseBytes} bytes, its limit; ask for fewer items at once, or raise limits.response_bytes in its manifest`,
  );
}

function flood({ name }: ProviderVersion, came: string): Error {
  const text = `provider ${name} sent ${came}, far more than was asked for`;
  return refuse(Reason.PROVIDER_GARBAGE, text);
}
