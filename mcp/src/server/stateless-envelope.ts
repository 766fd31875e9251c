import type { JsonObject } from '@bufbuild/protobuf';
import type { HttpRequest } from '@weir/kit';
import { isStateless, STATELESS_REVISION, sessionRevisions } from './call.ts';
import { headerOf } from './http.ts';
import { errorCodes, isObject, McpError, type RpcMessage } from './json-rpc.ts';
import { metaOf } from './params.ts';

/** What each request of 2026-07-28 says of itself. */
export interface Envelope {
  readonly revision: string;
  readonly capabilities: JsonObject;
  /** The least severe messages of interest; undefined: none are. */
  readonly logLevel: unknown;
}

const PREFIX = 'io.modelcontextprotocol/';
/** Where results say who answers. */
export const SERVER_INFO_KEY = `${PREFIX}serverInfo`;
/** Where notifications say which subscription they are for. */
export const SUBSCRIPTION_KEY = `${PREFIX}subscriptionId`;
const VERSION_KEY = `${PREFIX}protocolVersion`;
const CAPABILITIES_KEY = `${PREFIX}clientCapabilities`;
const LOG_LEVEL_KEY = `${PREFIX}logLevel`;
const VERSION_HEADER = 'mcp-protocol-version';

/** The revisions that are spoken here. */
export const supportedRevisions: readonly string[] = [STATELESS_REVISION, ...sessionRevisions];

/** Whether params are in an envelope; one that is at fault is one all the same. */
export function hasEnvelope(params: JsonObject): boolean {
  return VERSION_KEY in metaOf(params);
}

/** Whether a message is of the protocol without sessions, by what it says, else by its header. */
export function isOfStateless(request: HttpRequest, message: RpcMessage): boolean {
  if (message.kind === 'response') return false;
  const byHeader = isStateless(headerOf(request, VERSION_HEADER) ?? '');
  if (message.method !== 'initialize') return hasEnvelope(message.params) || byHeader;
  // It is the greeting of older clients, unless it is whole in the way of the newer ones.
  const { [VERSION_KEY]: version, [CAPABILITIES_KEY]: capabilities } = metaOf(message.params);
  const isEnveloped = typeof version === 'string' && isStateless(version) && isObject(capabilities);
  if (isEnveloped || !byHeader) return isEnveloped;
  throw mismatch('an initialize request belongs to an older revision than the header names');
}

/** Reads what a request says of itself, and holds its headers to it. Throws McpError 400. */
export function readEnvelope(
  request: HttpRequest,
  { method, params }: { readonly method: string; readonly params: JsonObject },
): Envelope {
  const meta = metaOf(params);
  const { [VERSION_KEY]: revision, [CAPABILITIES_KEY]: capabilities } = meta;
  if (typeof revision !== 'string') throw missing(VERSION_KEY, 'a text');
  if (!isObject(capabilities)) throw missing(CAPABILITIES_KEY, 'an object');
  const header = headerOf(request, VERSION_HEADER);
  if (header !== undefined && header !== revision) {
    throw mismatch(`the body names revision ${revision}, and ${VERSION_HEADER} ${header}`);
  }
  const named = headerOf(request, 'mcp-method');
  if (named !== undefined && named !== method) {
    throw mismatch(`the body names method ${method}, and mcp-method ${named}`);
  }
  if (revision !== STATELESS_REVISION) {
    const data = { supported: [...supportedRevisions], requested: revision };
    const text = `revision ${revision} is not spoken here`;
    throw new McpError(errorCodes.unsupportedVersion, text, { status: 400, data });
  }
  if (header === undefined) throw mismatch(`the header ${VERSION_HEADER} is missing`);
  if (named === undefined) throw mismatch('the header mcp-method is missing');
  checkName(request, method, params);
  return { revision, capabilities, logLevel: meta[LOG_LEVEL_KEY] };
}

/** What the header "mcp-name" repeats of the params, by method. */
const nameParams: ReadonlyMap<string, string> = new Map([
  ['tools/call', 'name'],
  ['prompts/get', 'name'],
  ['resources/read', 'uri'],
]);

/** Who stands between reads the header alone: it has to say what the body says. */
function checkName(request: HttpRequest, method: string, params: JsonObject): void {
  const param = nameParams.get(method);
  const told = param === undefined ? undefined : params[param];
  if (typeof told !== 'string') return;
  const header = headerOf(request, 'mcp-name');
  if (header === undefined) throw mismatch('the header mcp-name is missing');
  if (decodedHeader(header) !== told) {
    throw mismatch(`the body names ${JSON.stringify(told)}, and mcp-name something else`);
  }
}

/** What headers cannot carry stands in them as base64 between marks; undefined: it is none. */
function decodedHeader(value: string): string | undefined {
  const [, base64] = /^=\?base64\?(.*)\?=$/.exec(value) ?? [];
  if (base64 === undefined) return value;
  const bytes = Buffer.from(base64, 'base64');
  return bytes.toString('base64') === base64 ? bytes.toString() : undefined;
}

function missing(key: string, what: string): McpError {
  const text = `params._meta must have ${what} as ${JSON.stringify(key)}`;
  return new McpError(errorCodes.invalidParams, text, { status: 400 });
}

function mismatch(text: string): McpError {
  return new McpError(errorCodes.headerMismatch, text, { status: 400 });
}
