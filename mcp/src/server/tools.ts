import { create, type JsonObject } from '@bufbuild/protobuf';
import { OperationKind, Scope } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import {
  ListToolsRequestSchema,
  type ListToolsResponse,
  type Tool,
  ToolService,
} from '@weir/sdk/gen/weir/tools/v1/tools_pb';
import { isStateless, type McpCall } from './call.ts';
import { contextToolNamed, contextTools } from './context-tools.ts';
import { toMcpError } from './errors.ts';
import { isObject } from './json-rpc.ts';
import { type Answered, callOperation, type OperationCall } from './operation.ts';
import { objectOf, optionalTextOf, textOf } from './params.ts';
import { failedTool, toolResultOf } from './tool-result.ts';

const CURSOR_MAX_CHARS = 512;
const PAGE_TOOLS = 1000;

/** tools/list: what the caller may call; last what Weir itself offers as tools. */
export async function listTools(call: McpCall, params: JsonObject): Promise<JsonObject> {
  const cursor = optionalTextOf(params, 'cursor', CURSOR_MAX_CHARS);
  const page = await pageOf(call, OperationKind.TOOL, cursor);
  const hasOwn = page.nextPageToken === '' && may(call, Scope.READ) && !call.without?.context;
  const own = hasOwn ? contextTools : [];
  const tools = page.tools.map((tool) => toolOf(tool, isStateless(call.revision)));
  return { tools: [...tools, ...own], ...nextCursor(page.nextPageToken) };
}

/** tools/call, up to a result or to questions. */
export async function callTool(
  call: McpCall,
  params: JsonObject,
  going: Pick<OperationCall, 'state' | 'answers'>,
): Promise<Answered> {
  const name = textOf(params, 'name');
  const args = objectOf(params, 'arguments');
  const own = call.without?.context ? undefined : contextToolNamed(name);
  if (own) return { kind: 'done', result: await own(call, args) };
  try {
    const outcome = await callOperation(call, params, { name, arguments: args, ...going });
    if (outcome.kind === 'asks') return outcome;
    return { kind: 'done', result: toolResultOf(outcome.result, isStateless(call.revision)) };
  } catch (error) {
    const told = toMcpError(error, call.visit.requestId);
    const failed = failedTool(told, call.revision);
    if (failed) return { kind: 'done', result: failed };
    throw told;
  }
}

/** A page of operations of a kind. Who may call none has none. */
export async function pageOf(
  call: McpCall,
  kind: OperationKind,
  pageToken: string,
): Promise<Pick<ListToolsResponse, 'tools' | 'nextPageToken'>> {
  if (!may(call, Scope.CALL)) return { tools: [], nextPageToken: '' };
  const { backend, group, visit, signal } = call;
  const request = create(ListToolsRequestSchema, { kind, group, pageToken, pageSize: PAGE_TOOLS });
  return visit.call({ method: ToolService.method.listTools, signal }, (context) =>
    backend.listTools(request, context),
  );
}

/** Whether the caller has a scope. */
export function may({ visit }: McpCall, scope: Scope): boolean {
  const { scopes } = visit.caller;
  return scopes.has(scope) || scopes.has(Scope.PLATFORM);
}

/** The cursor of the next page, where there is one. */
export function nextCursor(token: string): JsonObject {
  return token === '' ? {} : { nextCursor: token };
}

function toolOf({ name, operation }: Tool, stateless: boolean): JsonObject {
  const { title = '', description = '', hints, inputSchema, outputSchema } = operation ?? {};
  const { readOnly, destructive, idempotent, openWorld } = hints ?? {};
  const annotations = {
    ...(readOnly !== undefined && { readOnlyHint: readOnly }),
    ...(destructive !== undefined && { destructiveHint: destructive }),
    ...(idempotent !== undefined && { idempotentHint: idempotent }),
    ...(openWorld !== undefined && { openWorldHint: openWorld }),
  };
  return {
    name,
    ...(title !== '' && { title }),
    // Clients show a tool without a description as if it were broken.
    description: description === '' ? title || name : description,
    inputSchema: objectSchema(inputSchema),
    ...(outputSchema && isFit(outputSchema, stateless) && { outputSchema }),
    ...(Object.keys(annotations).length > 0 && { annotations }),
    ...shown(operation?.annotations),
  };
}

/** Arguments are an object, and their schema has to say so. */
function objectSchema(schema: JsonObject | undefined): JsonObject {
  return schema ? { ...schema, type: 'object' } : { type: 'object' };
}

/** Until 2025-11-25 only objects could be described; what is none is told in text there. */
function isFit(schema: JsonObject, stateless: boolean): boolean {
  return stateless || schema.type === 'object';
}

/** What else a provider tells of an operation that this protocol has a place for. */
export function shown(annotations: JsonObject | undefined): JsonObject {
  const { icons, _meta } = annotations ?? {};
  return { ...(Array.isArray(icons) && { icons }), ...(isObject(_meta) && { _meta }) };
}
