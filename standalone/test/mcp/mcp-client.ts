import type { JsonObject, JsonValue } from '@bufbuild/protobuf';

/** A client that says exactly what it is told to, for what real clients would not send. */
export interface RawClient {
  /** Posts a body as it is. */
  post(body: unknown, headers?: Record<string, string>): Promise<Answer>;
  /** Posts a request of revision 2026-07-28, whole. */
  stateless(method: string, params?: JsonObject, headers?: Record<string, string>): Promise<Answer>;
  /** Begins a session of an older revision. */
  session(capabilities?: JsonObject, revision?: string): Promise<RawSession>;
}

/** A session of such a client. */
export interface RawSession {
  readonly id: string;
  post(body: unknown, headers?: Record<string, string>): Promise<Answer>;
  request(method: string, params?: JsonObject, id?: number): Promise<Answer>;
}

/** An answer: one message, or the messages of a stream. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly messages: JsonObject[];
  /** The last message. */
  readonly message: JsonObject | undefined;
  /** Of the last message. */
  readonly error: { code: number; message: string; data?: JsonObject } | undefined;
  readonly result: JsonObject | undefined;
}

const REVISION = '2026-07-28';

/** Opens a client of an address, with a credential or without. */
export function rawClient(url: string, key: string | undefined): RawClient {
  const credential: Record<string, string> = key ? { authorization: `Bearer ${key}` } : {};
  const post = async (body: unknown, headers: Record<string, string> = {}): Promise<Answer> => {
    const response = await fetch(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        ...credential,
        ...headers,
      },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
    return answerOf(response);
  };
  return {
    post,
    stateless: (method, params = {}, headers = {}) =>
      post(
        { jsonrpc: '2.0', id: 1, method, params: { _meta: envelope({}), ...params } },
        { 'mcp-protocol-version': REVISION, 'mcp-method': method, ...nameOf(params), ...headers },
      ),
    async session(capabilities = {}, revision = '2025-11-25') {
      const clientInfo = { name: 'test', version: '1' };
      const params = { protocolVersion: revision, capabilities, clientInfo };
      const greeting = await post({ jsonrpc: '2.0', id: 0, method: 'initialize', params });
      const id = greeting.headers.get('mcp-session-id') ?? '';
      const within = (body: unknown, headers: Record<string, string> = {}) =>
        post(body, { 'mcp-session-id': id, ...headers });
      return {
        id,
        post: within,
        request: (method, asked = {}, number = 1) =>
          within({ jsonrpc: '2.0', id: number, method, params: asked }),
      };
    },
  };
}

/** What each request of revision 2026-07-28 says of its client. */
export function envelope(capabilities: JsonObject): JsonObject {
  return {
    'io.modelcontextprotocol/protocolVersion': REVISION,
    'io.modelcontextprotocol/clientCapabilities': capabilities,
  };
}

/** Reads an answer to its end. */
export async function answerOf(response: Response): Promise<Answer> {
  const text = await response.text();
  const messages = response.headers.get('content-type')?.startsWith('text/event-stream')
    ? dataOf(text)
    : text === ''
      ? []
      : [JSON.parse(text)];
  const message = messages.at(-1) as (JsonObject & Partial<Answer>) | undefined;
  return {
    ...{ status: response.status, headers: response.headers, messages, message },
    ...{ error: message?.error, result: message?.result },
  };
}

/** The messages of events. */
export function dataOf(text: string): JsonObject[] {
  return text
    .split('\n')
    .filter((line) => /^data: ./.test(line))
    .map((line) => JSON.parse(line.slice('data: '.length)));
}

function nameOf({ name, uri }: JsonObject): Record<string, string> {
  const value: JsonValue | undefined = name ?? uri;
  return typeof value === 'string' ? { 'mcp-name': value } : {};
}
