import { create } from '@bufbuild/protobuf';
import { durationFromMs, timestampFromDate } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError } from '@connectrpc/connect';
import { RetryInfoSchema } from '../gen/google/rpc/error_details_pb.ts';
import {
  ListEntrySchema,
  type ListRequest,
  type ListResponse,
  ListResponseSchema,
} from '../gen/weir/provider/v1/provider_pb.ts';
import { isSensitivity, sensitivityToWire } from '../sensitivity.ts';
import type { OnFault } from './answer.ts';
import { callerOf } from './caller.ts';
import type { ListEntry } from './context.ts';
import type { ProviderDefinition } from './definition.ts';
import { internalText } from './encode.ts';
import { ProviderError } from './provider-error.ts';

const defaultPageSize = 50;
const maxPageSize = 500;

/** Lists keys of a type. */
export async function answerList(
  provider: ProviderDefinition,
  request: ListRequest,
  { signal, onFault }: { readonly signal: AbortSignal; readonly onFault: OnFault },
): Promise<ListResponse> {
  const { type, typeVersion, keyPrefix, query: text, pageToken } = request;
  const context = provider.contexts.find(
    (each) => each.type === type && (typeVersion === '' || each.version === typeVersion),
  );
  if (context?.list === undefined) {
    throw new ConnectError(`this provider does not list ${type}`, Code.Unimplemented);
  }
  const pageSize = Math.min(request.pageSize > 0 ? request.pageSize : defaultPageSize, maxPageSize);
  const caller = callerOf(request.caller);
  try {
    const page = await context.list({ keyPrefix, text, pageSize, pageToken, caller, signal });
    if (page.entries.length > pageSize) {
      const counts = `${page.entries.length} entries for a page of ${pageSize}`;
      throw new TypeError(`list returned ${counts}: return at most pageSize`);
    }
    const nextPageToken = page.nextPageToken ?? '';
    return create(ListResponseSchema, { entries: page.entries.map(entryOf), nextPageToken });
  } catch (error) {
    if (!signal.aborted && !(error instanceof ProviderError)) {
      onFault({ what: `list of ${type}`, error });
    }
    throw toConnectError(error);
  }
}

function entryOf(entry: ListEntry) {
  const { key, title = '', summary = '', score = 0, updateTime } = entry;
  const { sensitivity, labels = {}, owner = '', contentType = '', sizeBytes } = entry;
  if (sensitivity !== undefined && !isSensitivity(sensitivity)) {
    throw new TypeError(`list returned a sensitivity that is none: ${String(sensitivity)}`);
  }
  const facts = { sensitivity: sensitivityToWire(sensitivity), labels: { ...labels }, owner };
  const updated = updateTime && { updateTime: timestampFromDate(updateTime) };
  const sized = sizeBytes !== undefined && { sizeBytes: BigInt(sizeBytes) };
  const shown = { key, title, summary, score, contentType };
  return create(ListEntrySchema, { ...shown, ...facts, ...updated, ...sized });
}

/** The error of a call; of what is no `ProviderError` nothing is told. */
export function toConnectError(error: unknown): ConnectError {
  if (!(error instanceof ProviderError)) return new ConnectError(internalText, Code.Internal);
  const { code, message, retryDelayMs } = error;
  const details = retryDelayMs !== undefined && [
    { desc: RetryInfoSchema, value: { retryDelay: durationFromMs(retryDelayMs) } },
  ];
  return new ConnectError(message, code, undefined, details || undefined);
}
