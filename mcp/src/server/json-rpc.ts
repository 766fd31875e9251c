import type { JsonObject, JsonValue } from '@bufbuild/protobuf';

/** What a request is told apart by. */
export type RequestId = string | number;

/** A request. */
export interface RpcRequest {
  readonly id: RequestId;
  readonly method: string;
  readonly params: JsonObject;
}

/** A message that a client may send. */
export type RpcMessage =
  | ({ readonly kind: 'request' } & RpcRequest)
  | { readonly kind: 'notification'; readonly method: string; readonly params: JsonObject }
  | {
      readonly kind: 'response';
      readonly id: RequestId;
      readonly result?: JsonObject;
      readonly error?: { readonly code: number; readonly message: string };
    };

/** The codes of JSON-RPC, and those that the Model Context Protocol adds. */
export const errorCodes = {
  parse: -32700,
  invalidRequest: -32600,
  methodNotFound: -32601,
  invalidParams: -32602,
  internal: -32603,
  /** Whatever has no code of its own. */
  server: -32000,
  sessionNotFound: -32001,
  /** Until 2025-11-25; since then it is a fault of the params. */
  resourceNotFound: -32002,
  headerMismatch: -32020,
  missingCapability: -32021,
  unsupportedVersion: -32022,
} as const;

/** An error as clients get it. Its text is shown to them. */
export class McpError extends Error {
  override readonly name = 'McpError';
  readonly code: number;
  /** The status of HTTP, where the answer is nothing but this error. */
  readonly status: number;
  readonly data: JsonObject | undefined;
  /** Headers that go with it. */
  readonly headers: Readonly<Record<string, string>>;

  constructor(code: number, text: string, more: McpErrorOptions = {}) {
    super(text);
    this.code = code;
    this.status = more.status ?? 200;
    this.data = more.data;
    this.headers = more.headers ?? {};
  }
}

/** What an error can carry besides its code and text. */
export interface McpErrorOptions {
  readonly status?: number;
  readonly data?: JsonObject | undefined;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The answer that an error is. */
export function errorMessage(id: RequestId | null, { code, message, data }: McpError): JsonObject {
  return { jsonrpc: '2.0', id, error: { code, message, ...(data && { data }) } };
}

/** The answer to a request. */
export function resultMessage(id: RequestId, result: JsonObject): JsonObject {
  return { jsonrpc: '2.0', id, result };
}

/** A message that is not answered. */
export function notification(method: string, params: JsonObject): JsonObject {
  return { jsonrpc: '2.0', method, params };
}

/** Reads the body of a request. Throws McpError. */
export function parseBody(body: Uint8Array): JsonValue {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body)) as JsonValue;
  } catch {
    throw new McpError(errorCodes.parse, 'the body is not JSON; send one message of JSON-RPC 2.0', {
      status: 400,
    });
  }
}

/** Reads a message. Throws McpError where it is none. */
export function parseMessage(value: JsonValue): RpcMessage {
  if (!isObject(value) || value.jsonrpc !== '2.0') throw noMessage();
  const { id, method, params = {} } = value;
  if (method === undefined) return parseResponse(value);
  if (typeof method !== 'string' || !isObject(params)) throw noMessage();
  if (id === undefined) return { kind: 'notification', method, params };
  if (!isRequestId(id)) throw noMessage();
  return { kind: 'request', id, method, params };
}

function parseResponse({ id, result, error }: JsonObject): RpcMessage {
  if (!isRequestId(id)) throw noMessage();
  if (isObject(result) && error === undefined) return { kind: 'response', id, result };
  if (!isObject(error) || result !== undefined) throw noMessage();
  const { code, message } = error;
  if (typeof code !== 'number' || typeof message !== 'string') throw noMessage();
  return { kind: 'response', id, error: { code, message } };
}

/** The id to answer a message with that may be none at all. */
export function idOf(value: JsonValue | undefined): RequestId | null {
  return isObject(value) && typeof value.method === 'string' && isRequestId(value.id)
    ? value.id
    : null;
}

/** Whether a value is an object of JSON. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Whether a value is the id of a request. */
export function isRequestId(value: unknown): value is RequestId {
  return typeof value === 'string' || Number.isSafeInteger(value);
}

function noMessage(): McpError {
  const text = 'the body is no message of JSON-RPC 2.0: a request, a notification or a response';
  return new McpError(errorCodes.invalidRequest, text, { status: 400 });
}
