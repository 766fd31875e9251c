import { create } from '@bufbuild/protobuf';
import { refuse } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import {
  type Content,
  type FetchResult,
  FetchResultSchema,
} from '@weir/sdk/gen/weir/provider/v1/provider_pb';
import type { BlobId, BlobStore, BlobWriter } from '../blobs/blob-store.ts';
import { MAX_PAYLOAD_BYTES } from './land.ts';

/** A result with all its bytes: in its payload, or in the blob store. */
export interface Arrived {
  readonly result: FetchResult;
  readonly blob?: BlobId;
}

/** The values of one answer of a provider, of which some come in parts. */
export interface Arrivals extends AsyncDisposable {
  /**
   * Counts what a result brings, whether it is wanted or not. Throws when the answer is larger
   * than an answer may be.
   */
  count(result: FetchResult): void;
  /**
   * Takes a result; to be awaited before the next. Rejects with a WeirError when something is
   * wrong with this value alone.
   */
  take(result: FetchResult): Taken | Promise<Taken>;
}

/** What has arrived whole; undefined when the value goes on. */
export type Taken =
  | {
      /** A promise while it comes into the store, which holds up nothing. */ readonly arrived:
        | Arrived
        | Promise<Arrived>;
    }
  | undefined;

/** What answers are taken with. */
export interface ArrivalLimits {
  readonly tenant: string;
  /** The provider's name, for texts. */
  readonly provider: string;
  /** Undefined: values too large to carry are refused. */
  readonly blobs: BlobStore | undefined;
  /** The largest value, and the most that the parts of one answer may bring. */
  readonly maxBytes: number;
}

/** The largest part, as the contract has it. */
export const MAX_PART_BYTES = 1024 * 1024;
/** What the values of one answer that are put together in memory may hold at once. */
export const MAX_ASSEMBLED_BYTES = 64 * 1024 * 1024;

/** A value of which not all has come. */
interface Arriving {
  readonly content: Content;
  readonly totalBytes: number;
  readonly into: BlobWriter | Uint8Array[];
  receivedBytes: number;
}

/** Opens the arrivals of one answer; disposing of them forgets what is unfinished. */
export function openArrivals(limits: ArrivalLimits): Arrivals {
  const { provider, maxBytes } = limits;
  const arriving = new Map<number, Arriving>();
  let countedBytes = 0;
  let assembledBytes = 0;

  const drop = async (index: number) => {
    const value = arriving.get(index);
    arriving.delete(index);
    if (!value) return;
    if (!Array.isArray(value.into)) await value.into.discard();
    else assembledBytes -= value.receivedBytes;
  };

  const begin = async (index: number, content: Content, totalBytes: number): Promise<Taken> => {
    const large = totalBytes > MAX_PAYLOAD_BYTES;
    if (totalBytes > (limits.blobs ? maxBytes : MAX_PAYLOAD_BYTES)) {
      throw tooLarge(totalBytes, limits.blobs ? maxBytes : MAX_PAYLOAD_BYTES);
    }
    const into = (large && (await limits.blobs?.begin(limits.tenant, totalBytes))) || [];
    arriving.set(index, { content, totalBytes, into, receivedBytes: 0 });
    return goOn(index, content.payload);
  };

  const goOn = async (index: number, bytes: Uint8Array): Promise<Taken> => {
    const value = arriving.get(index) as Arriving;
    value.receivedBytes += bytes.length;
    if (value.receivedBytes > value.totalBytes) {
      throw garbage(provider, `more than the ${value.totalBytes} bytes that it announced`);
    }
    if (Array.isArray(value.into)) {
      assembledBytes += bytes.length;
      if (assembledBytes > MAX_ASSEMBLED_BYTES) {
        throw garbage(provider, `over ${MAX_ASSEMBLED_BYTES} bytes of values begun and not ended`);
      }
      value.into.push(bytes);
    } else await value.into.write(bytes);
    if (value.receivedBytes < value.totalBytes) return undefined;
    arriving.delete(index);
    return { arrived: finish(index, value) };
  };

  const finish = (index: number, { content, totalBytes, into }: Arriving) => {
    if (Array.isArray(into)) {
      assembledBytes -= totalBytes;
      return { result: resultOf(index, content, Buffer.concat(into)) };
    }
    const { tenant } = limits;
    const result = resultOf(index, content, new Uint8Array());
    return into.commit().then((sha256) => ({
      result,
      blob: { tenant, sha256, sizeBytes: totalBytes },
    }));
  };

  const takeParts = async ({ index, outcome }: FetchResult): Promise<Taken> => {
    try {
      if (outcome.case === 'content') {
        if (arriving.has(index)) throw garbage(provider, 'a value that begins twice');
        const { totalBytes, payload } = outcome.value;
        return await begin(index, outcome.value, Number(totalBytes) || payload.length);
      }
      if (outcome.case !== 'part') throw garbage(provider, 'a value that ends in something else');
      const { data } = outcome.value;
      if (!arriving.has(index)) throw garbage(provider, 'a part of a value that was not begun');
      if (data.length === 0) throw garbage(provider, 'a part without bytes');
      if (data.length > MAX_PART_BYTES) {
        throw garbage(
          provider,
          `a part of ${data.length} bytes; at most ${MAX_PART_BYTES} are taken`,
        );
      }
      return await goOn(index, data);
    } catch (error) {
      await drop(index);
      throw error;
    }
  };

  return {
    count({ outcome }) {
      if (outcome.case !== 'part') return;
      countedBytes += outcome.value.data.length;
      if (countedBytes <= maxBytes) return;
      const text = `the answer of provider ${provider} holds over ${maxBytes} bytes of large values`;
      throw refuse(Reason.ITEM_TOO_LARGE, `${text}; ask for them in smaller batches`);
    },
    take(result) {
      const { index, outcome } = result;
      if (isWhole(result) && !arriving.has(index)) return { arrived: { result } };
      // The provider takes back what it began.
      if (outcome.case === 'failure') return drop(index).then(() => ({ arrived: { result } }));
      return takeParts(result);
    },
    async [Symbol.asyncDispose]() {
      if (arriving.size === 0) return;
      await Promise.all([...arriving.keys()].map(drop));
    },
  };
}

function isWhole({ outcome }: FetchResult): boolean {
  if (outcome.case === 'part') return false;
  if (outcome.case !== 'content') return true;
  const { totalBytes, payload } = outcome.value;
  return totalBytes === 0n && payload.length <= MAX_PAYLOAD_BYTES;
}

function resultOf(index: number, content: Content, payload: Uint8Array): FetchResult {
  const value = { ...content, payload, totalBytes: 0n };
  return create(FetchResultSchema, { index, outcome: { case: 'content', value } });
}

function garbage(provider: string, what: string) {
  return refuse(Reason.PROVIDER_GARBAGE, `provider ${provider} sent ${what}`);
}

function tooLarge(bytes: number, maxBytes: number) {
  const text = `the value has ${bytes} bytes; at most ${maxBytes} are taken`;
  return refuse(Reason.ITEM_TOO_LARGE, text);
}
