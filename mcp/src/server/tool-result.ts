import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import { reasonName } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import type { ToolResult } from '@weir/sdk/gen/weir/tools/v1/tools_pb';
import { readJson, readObject } from './json-bytes.ts';
import { isObject, type McpError } from './json-rpc.ts';

/** The media type of results made of pieces; see weir.provider.v1.OperationResult. */
const piecesType = 'application/vnd.weir.tool-result+json';
const jsonType = 'application/json';

/** A result as CallToolResult has it. Only objects are structured for clients with sessions. */
export function toolResultOf(result: ToolResult, stateless: boolean): JsonObject {
  const type = mediaTypeOf(result.contentType);
  if (type === piecesType) return piecesOf(result, stateless);
  const failed = result.isError ? { isError: true } : {};
  if (type !== jsonType) return { content: [pieceOf(result, type)], ...failed };
  const value = readJson(result.payload) ?? null;
  return { content: [text(textOf(value))], ...structured(value, stateless), ...failed };
}

function piecesOf({ payload, isError }: ToolResult, stateless: boolean): JsonObject {
  const { content, structuredContent, _meta } = readObject(payload) ?? {};
  const pieces = Array.isArray(content) ? content : [];
  const value = structuredContent === undefined ? {} : structured(structuredContent, stateless);
  return {
    content:
      pieces.length === 0 && structuredContent !== undefined
        ? [text(textOf(structuredContent))]
        : pieces,
    ...value,
    ...(isObject(_meta) && { _meta }),
    ...(isError && { isError }),
  };
}

/** Until 2025-11-25 what is structured is an object; other values stand in the text alone. */
function structured(value: JsonValue, stateless: boolean): JsonObject {
  return stateless || isObject(value) ? { structuredContent: value } : {};
}

function pieceOf({ payload }: ToolResult, mimeType: string): JsonObject {
  const data = Buffer.from(payload);
  if (mimeType.startsWith('text/')) return text(data.toString());
  const kind = /^(image|audio)\//.exec(mimeType)?.[1];
  if (kind) return { type: kind, data: data.toString('base64'), mimeType };
  const resource = { uri: 'weir:result', mimeType, blob: data.toString('base64') };
  return { type: 'resource', resource };
}

function textOf(value: JsonValue): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function text(value: string): JsonObject {
  return { type: 'text', text: value };
}

function mediaTypeOf(contentType: string): string {
  return (contentType.split(';', 1)[0] ?? '').trim().toLowerCase();
}

/** What goes wrong at the tool, and not with the call of it: models are told, and may try otherwise. */
const ofTool: ReadonlySet<string> = new Set(
  [
    ...[Reason.PROVIDER_FAILED, Reason.PROVIDER_UNAVAILABLE, Reason.PROVIDER_GARBAGE],
    ...[Reason.PROVIDER_BUSY, Reason.ITEM_TOO_LARGE, Reason.NOT_REDACTABLE],
    ...[Reason.PURPOSE_REQUIRED],
  ].map(reasonName),
);

/** Since then models are told what is wrong with their arguments (SEP-1303); before, clients were. */
const TELLS_OF_ARGUMENTS = '2025-11-25';
const ofArguments = reasonName(Reason.INVALID_ARGUMENTS);

/** The result that tells of a failure of the tool; undefined: it is the call that failed. */
export function failedTool(error: McpError, revision: string): JsonObject | undefined {
  const { reason } = error.data ?? {};
  if (typeof reason !== 'string') return undefined;
  // Revisions are dates, and in order as texts.
  const isTold = reason === ofArguments && revision >= TELLS_OF_ARGUMENTS;
  if (!isTold && !ofTool.has(reason)) return undefined;
  return { content: [text(error.message)], isError: true };
}
