import type { JsonObject } from '@bufbuild/protobuf';
import { Severity } from '@weir/sdk/gen/weir/provider/v1/provider_pb';
import type { McpBackend } from './backend.ts';
import type { McpCall } from './call.ts';
import { toMcpError } from './errors.ts';
import { accepts, type Exchange } from './http.ts';
import {
  errorCodes,
  isObject,
  McpError,
  notification,
  type RpcMessage,
  type RpcRequest,
  resultMessage,
} from './json-rpc.ts';
import { type ListenDeps, listen } from './listen.ts';
import { introductionOf, plainMethods, serverInfo } from './methods.ts';
import { type Answered, answersOf, type OperationCall, severityOf } from './operation.ts';
import { invalidParams, objectOf } from './params.ts';
import { getPrompt } from './prompts.ts';
import { kindsOf } from './questions.ts';
import { createReply, type Reply } from './reply.ts';
import { readResource } from './resources.ts';
import { readEnvelope, SERVER_INFO_KEY, supportedRevisions } from './stateless-envelope.ts';
import { callTool } from './tools.ts';

/** What answering in this revision needs. */
export interface StatelessDeps extends ListenDeps {
  readonly backend: McpBackend;
}

/** For how long lists are good without a look; who listens hears of changes at once. */
const LIST_TTL_MS = 5_000;
const DISCOVER_TTL_MS = 60_000;

/**
 * Answers a message of revision 2026-07-28: each request says itself what its client is, and stands
 * alone. What a tool asks goes out as a result, and the answers come with a request of their own.
 */
export async function answerStateless(
  deps: StatelessDeps,
  exchange: Exchange,
  message: RpcMessage & { readonly kind: 'request' | 'notification' },
): Promise<void> {
  const { request, response, visit } = exchange;
  if (message.kind === 'notification') {
    response.statusCode = 202;
    response.end();
    return;
  }
  const isListen = message.method === 'subscriptions/listen';
  const canStream = !isListen && accepts(request, 'text/event-stream');
  const reply = createReply(response, { canStream, challenge: exchange.challenge });
  try {
    const call = callOf(deps, exchange, { reply, message });
    if (isListen) return await listen(deps, exchange, message);
    const result = await resultOf(call, exchange, message);
    reply.answer(resultMessage(message.id, { ...result, _meta: withServer(result) }));
  } catch (error) {
    const told = toMcpError(error, visit.requestId);
    reply.fail(message.id, told);
  }
}

function callOf(
  { backend }: StatelessDeps,
  { request, visit, group, inGroup }: Exchange,
  { reply, message }: { readonly reply: Reply; readonly message: RpcRequest },
): McpCall {
  const { revision, capabilities: client, logLevel } = readEnvelope(request, message);
  const without = inGroup?.without;
  const severity = logLevel === undefined ? Severity.UNSPECIFIED : severityOf(logLevel);
  return {
    ...{ backend, visit, group, without, revision, signal: visit.signal },
    canAsk: without?.questions ? [] : kindsOf(client),
    minSeverity: without?.messages ? Severity.UNSPECIFIED : severity,
    notify: (method, params) => reply.notify(notification(method, params)),
  };
}

async function resultOf(
  call: McpCall,
  { inGroup }: Exchange,
  { method, params }: RpcRequest,
): Promise<JsonObject> {
  switch (method) {
    case 'server/discover':
      return complete(
        { supportedVersions: [...supportedRevisions], ...introductionOf(inGroup) },
        DISCOVER_TTL_MS,
      );
    case 'tools/call':
      return asked(await callTool(call, params, goingOn(params)));
    case 'prompts/get':
      return asked(await getPrompt(call, params, goingOn(params)));
    case 'resources/read': {
      const { result, ttlMs } = await readResource(call, params);
      return complete(result, ttlMs);
    }
    case 'completion/complete':
      return { resultType: 'complete', ...(await plain(call, method, params)) };
    default:
      return complete(await plain(call, method, params), LIST_TTL_MS);
  }
}

function plain(call: McpCall, method: string, params: JsonObject) {
  const known = plainMethods.get(method);
  if (known) return known(call, params);
  const text = `there is no method ${JSON.stringify(method.slice(0, 100))} in ${call.revision}`;
  throw new McpError(errorCodes.methodNotFound, text, { status: 404 });
}

/** A result that may be kept, by whoever got it: what one caller may see another may not. */
function complete(result: JsonObject, ttlMs: number): JsonObject {
  return { resultType: 'complete', ...result, ttlMs, cacheScope: 'private' };
}

function asked(answered: Answered): JsonObject {
  if (answered.kind === 'done') return { resultType: 'complete', ...answered.result };
  const inputRequests = Object.fromEntries(
    answered.questions.map(({ id, method, params }) => [id, { method, params }]),
  );
  const requestState = Buffer.from(answered.state).toString('base64url');
  return { resultType: 'input_required', inputRequests, requestState };
}

/** Where a call goes on that has asked. */
function goingOn(params: JsonObject): Pick<OperationCall, 'state' | 'answers'> {
  const { requestState = '' } = params;
  if (typeof requestState !== 'string') throw invalidParams('params.requestState must be a text');
  const state = Buffer.from(requestState, 'base64url');
  if (state.toString('base64url') !== requestState) {
    throw invalidParams('params.requestState is not as it was given; begin again without it');
  }
  return { state, answers: answersOf(objectOf(params, 'inputResponses')) };
}

function withServer({ _meta }: JsonObject): JsonObject {
  return { ...(isObject(_meta) && _meta), [SERVER_INFO_KEY]: serverInfo };
}
