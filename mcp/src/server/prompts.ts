import type { JsonObject } from '@bufbuild/protobuf';
import { OperationKind } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import type { Tool, ToolResult } from '@weir/sdk/gen/weir/tools/v1/tools_pb';
import type { McpCall } from './call.ts';
import { readObject } from './json-bytes.ts';
import { errorCodes, isObject, McpError } from './json-rpc.ts';
import { type Answered, callOperation, type OperationCall } from './operation.ts';
import { optionalTextOf, textOf, textsOf } from './params.ts';
import { nextCursor, pageOf, shown } from './tools.ts';

const CURSOR_MAX_CHARS = 512;

/** prompts/list. */
export async function listPrompts(call: McpCall, params: JsonObject): Promise<JsonObject> {
  const cursor = optionalTextOf(params, 'cursor', CURSOR_MAX_CHARS);
  const page = await pageOf(call, OperationKind.PROMPT, cursor);
  return { prompts: page.tools.map(promptOf), ...nextCursor(page.nextPageToken) };
}

/** prompts/get, up to the messages or to questions. */
export async function getPrompt(
  call: McpCall,
  params: JsonObject,
  going: Pick<OperationCall, 'state' | 'answers'>,
): Promise<Answered> {
  const name = textOf(params, 'name');
  const args = textsOf(params, 'arguments');
  const outcome = await callOperation(call, params, { name, arguments: args, ...going });
  if (outcome.kind === 'asks') return outcome;
  return { kind: 'done', result: messagesOf(name, outcome.result) };
}

function messagesOf(name: string, { payload, isError }: ToolResult): JsonObject {
  const { description, messages, _meta } = readObject(payload) ?? {};
  if (isError || !Array.isArray(messages)) {
    throw new McpError(errorCodes.internal, `prompt ${name} came to no messages`);
  }
  return {
    ...(typeof description === 'string' && { description }),
    messages,
    ...(isObject(_meta) && { _meta }),
  };
}

function promptOf({ name, operation }: Tool): JsonObject {
  const { title = '', description = '', inputSchema, annotations } = operation ?? {};
  return {
    name,
    ...(title !== '' && { title }),
    description: description === '' ? title || name : description,
    ...argumentsOf(inputSchema),
    ...shown(annotations),
  };
}

/** The arguments of a prompt are texts; its schema says which there are. */
function argumentsOf(schema: JsonObject | undefined): JsonObject {
  if (!isObject(schema?.properties)) return {};
  const required = Array.isArray(schema.required) ? schema.required : [];
  const all = Object.entries(schema.properties).map(([name, property]) => {
    const { title, description } = isObject(property) ? property : {};
    return {
      name,
      ...(typeof title === 'string' && { title }),
      ...(typeof description === 'string' && { description }),
      required: required.includes(name),
    };
  });
  return { arguments: all };
}
