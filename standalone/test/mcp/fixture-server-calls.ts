import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import {
  type CallToolResult,
  CLIENT_CAPABILITIES_META_KEY,
  type ClientCapabilities,
  type GetPromptResult,
  type InputRequiredResult,
  inputRequired,
  type InputRequest as McpRequest,
  type Server,
  type ServerContext,
} from '@modelcontextprotocol/server';
import type {
  InputKind,
  InputRequest,
  InputRequired,
  OperationCall,
  OperationDefinition,
  ToolContent,
} from '@weir/sdk/provider';

export type Context = ServerContext;

const methods = {
  form: 'elicitation/create',
  url: 'elicitation/create',
  sampling: 'sampling/createMessage',
  roots: 'roots/list',
} as const satisfies Record<InputKind, string>;

/** A call of the protocol, as the fixture's operations take it. */
export function callOf(
  server: Server,
  args: JsonObject,
  { mcpReq }: Context,
): OperationCall<JsonObject> {
  const told = mcpReq.envelope as Record<string, ClientCapabilities> | undefined;
  const token = mcpReq._meta?.progressToken;
  const dropped = () => {};
  return {
    arguments: args,
    caller: {} as OperationCall<JsonObject>['caller'],
    signal: mcpReq.signal,
    canAsk: kindsOf(told?.[CLIENT_CAPABILITIES_META_KEY] ?? server.getClientCapabilities() ?? {}),
    answers: (mcpReq.inputResponses ?? {}) as Record<string, JsonObject>,
    state: mcpReq.requestState<string>() ?? '',
    wantsProgress: token !== undefined,
    minSeverity: 'debug',
    progress(progress, more = {}) {
      if (token === undefined) return;
      const { total, text: message } = more;
      const params = { progressToken: token, progress, total, message };
      mcpReq.notify({ method: 'notifications/progress', params }).catch(dropped);
    },
    log(severity, data: JsonValue) {
      mcpReq.log(severity, data).catch(dropped);
    },
  };
}

/** What an operation came to, as the protocol has it. */
export function answerOf(
  operation: OperationDefinition,
  answer: unknown,
): InputRequiredResult | CallToolResult | GetPromptResult {
  if (isQuestion(answer)) {
    const { inputRequired: requests, state } = answer;
    return inputRequired({
      inputRequests: Object.fromEntries(requests.map((one) => [one.id, requestOf(one)])),
      ...(state && { requestState: state }),
    });
  }
  if (operation.kind === 'prompt') return answer as GetPromptResult;
  if (isContent(answer)) return answer.toolContent as unknown as CallToolResult;
  return { content: [{ type: 'text' as const, text: JSON.stringify(answer) }] };
}

/** A tool that fails says so itself. */
export function failureOf(error: Error): CallToolResult {
  return { content: [{ type: 'text', text: error.message }], isError: true };
}

function requestOf({ kind, params }: InputRequest): McpRequest {
  return { method: methods[kind], params } as unknown as McpRequest;
}

function isQuestion(answer: unknown): answer is InputRequired {
  return typeof answer === 'object' && answer !== null && 'inputRequired' in answer;
}

function isContent(answer: unknown): answer is { toolContent: ToolContent } {
  return typeof answer === 'object' && answer !== null && 'toolContent' in answer;
}

function kindsOf({ elicitation, sampling, roots }: ClientCapabilities): InputKind[] {
  return [
    ...(elicitation ? (['form'] as const) : []),
    ...(sampling ? (['sampling'] as const) : []),
    ...(roots ? (['roots'] as const) : []),
  ];
}
