import { create, type JsonObject } from '@bufbuild/protobuf';
import { durationMs, timestampDate } from '@bufbuild/protobuf/wkt';
import { Code } from '@connectrpc/connect';
import { codeOf, reasonName, refuse } from '@weir/kit';
import { ContextRefSchema, type Refusal } from '@weir/sdk/gen/weir/context/v1/context_pb';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { Scope } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import {
  type ContextEntry,
  FetchContextRequestSchema,
  ListContextRequestSchema,
  RouterService,
} from '@weir/sdk/gen/weir/router/v1/router_pb';
import { isStateless, type McpCall } from './call.ts';
import { toMcpError } from './errors.ts';
import { contentsOf, ttlMsOf } from './item-contents.ts';
import { errorCodes, McpError } from './json-rpc.ts';
import { optionalTextOf, uriOf } from './params.ts';
import { itemOfUri, uriOfItem } from './resource-uri.ts';
import { may, nextCursor } from './tools.ts';

const PAGE_ENTRIES = 500;
/** Page tokens of lists over many providers are long. */
const CURSOR_MAX_CHARS = 256 * 1024;

/** resources/list: what there is to read, a page at a time. */
export async function listResources(call: McpCall, params: JsonObject): Promise<JsonObject> {
  const pageToken = optionalTextOf(params, 'cursor', CURSOR_MAX_CHARS);
  if (!may(call, Scope.READ) || call.without?.context) return { resources: [] };
  const request = create(ListContextRequestSchema, { pageSize: PAGE_ENTRIES, pageToken });
  const { backend, visit, signal } = call;
  const { entries, nextPageToken, gaps } = await visit.call(
    { method: RouterService.method.listContext, signal },
    (context) => backend.listContext(request, context),
  );
  const missing = gaps.map(
    ({ provider, type, refusal }) => `${provider} ${type}: ${refusal?.text}`,
  );
  return {
    resources: entries.flatMap(resourceOf),
    ...nextCursor(nextPageToken),
    // Who could not be asked is said, so that nobody takes the list for all that there is.
    ...(missing.length > 0 && { _meta: { 'weir/gaps': missing } }),
  };
}

/** resources/read. The time for which it stays true is told beside it. */
export async function readResource(call: McpCall, params: JsonObject) {
  const uri = uriOf(params);
  if (call.without?.context) throw unreadable(call, uri, undefined);
  const ref = create(ContextRefSchema, itemOfUri(uri));
  const { backend, visit, signal } = call;
  const request = create(FetchContextRequestSchema, { refs: [ref] });
  const { results } = await visit.call(
    { method: RouterService.method.fetchContext, signal },
    (context) => backend.fetchContext(request, context),
  );
  const result = results[0];
  if (result?.outcome.case === 'item') {
    const contents = contentsOf(uri, result.outcome.value);
    return { result: { contents } as JsonObject, ttlMs: ttlMsOf(result) };
  }
  throw unreadable(call, uri, result?.outcome.value);
}

function unreadable(call: McpCall, uri: string, refusal: Refusal | undefined): McpError {
  const {
    code = Code.NotFound,
    reason = Reason.NOT_FOUND,
    text = 'there is no such item',
  } = refusal ?? {};
  if (code === Code.NotFound) {
    const { resourceNotFound, invalidParams } = errorCodes;
    const data = { uri, reason: reasonName(reason) };
    return new McpError(isStateless(call.revision) ? invalidParams : resourceNotFound, text, {
      data,
    });
  }
  const delay = refusal?.retryDelay;
  const why = refuse(reason, text, {
    ...(code !== codeOf(reason) && { code }),
    ...(delay && { retryDelayMs: durationMs(delay) }),
  });
  const told = toMcpError(why, call.visit.requestId);
  // The refusal is the item's: the call was answered.
  return new McpError(told.code, told.message, { data: { ...told.data, uri } });
}

function resourceOf({ ref, ...entry }: ContextEntry): JsonObject[] {
  if (!ref) return [];
  const { title, summary, contentType, sizeBytes, updateTime } = entry;
  return [
    {
      uri: uriOfItem(ref),
      name: title === '' ? ref.key : title,
      ...(title !== '' && { title }),
      ...(summary !== '' && { description: summary }),
      ...(contentType !== '' && { mimeType: contentType }),
      ...(sizeBytes !== undefined && { size: Number(sizeBytes) }),
      ...(updateTime && { annotations: { lastModified: timestampDate(updateTime).toISOString() } }),
    },
  ];
}
