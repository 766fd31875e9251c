import { createHash } from 'node:crypto';
import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import type { Prompt, Tool } from '@modelcontextprotocol/client';
import { defineOperation, type OperationDefinition } from '@weir/sdk/provider';
import { plain } from './errors.ts';
import type { Catalogue } from './session.ts';
import type { Call, Target } from './target.ts';

/** A tool or a prompt as an upstream defines it, and the operation that it would become. */
export interface Definition {
  readonly target: Target;
  /** What it is called in the manifest, and in approvals. */
  readonly name: string;
  /** What a model or a person is told of it: all that a change of matters. */
  readonly told: JsonObject;
  /** SHA-256 of that in canonical form, in hexadecimal. */
  readonly hash: string;
}

/** What an operation needs to be made of a definition. */
export interface OperationDeps {
  readonly timeoutMs: number;
  call(target: Target, call: Call): Promise<unknown>;
  suggest(prompt: string): OperationDefinition['suggest'];
}

const titleMaxChars = 200;
const nameMaxChars = 128;

/** All that an upstream offers to be called, each under a name that a manifest may hold. */
export function definitionsOf({ tools, prompts }: Catalogue): Definition[] {
  const taken = new Set<string>();
  const named = (name: string, otherwise: string): string => {
    const plainName = name.replaceAll(/[^A-Za-z0-9_.-]/g, '_').slice(0, nameMaxChars) || '_';
    const free = taken.has(plainName) ? `${plainName.slice(0, 110)}${otherwise}` : plainName;
    taken.add(free);
    return free;
  };
  return [
    ...tools.map((tool) => ofTool(tool, named(tool.name, '.tool'))),
    // The protocol keeps names of tools and of prompts apart, a manifest does not.
    ...prompts.map((prompt) => ofPrompt(prompt, named(prompt.name, '.prompt'))),
  ];
}

/** Makes the operation. */
export function operationOf(definition: Definition, deps: OperationDeps): OperationDefinition {
  const { target, name, told } = definition;
  const { timeoutMs } = deps;
  const common = {
    ...{ name, timeoutMs, description: String(told.description ?? '') },
    title: plain(String(told.title ?? '')).slice(0, titleMaxChars),
    call: (call: Call) => deps.call(target, call),
  };
  if (target.kind === 'prompt') {
    const suggest = deps.suggest(target.name);
    return defineOperation({
      ...common,
      kind: 'prompt',
      input: told.inputSchema as JsonObject,
      annotations: told.more as JsonObject,
      ...(suggest && { suggest }),
    });
  }
  const { inputSchema, outputSchema, annotations = {} } = target.tool;
  return defineOperation({
    ...common,
    input: inputSchema as JsonObject,
    ...(outputSchema && { output: outputSchema as JsonObject }),
    annotations: told.more as JsonObject,
    readOnly: annotations.readOnlyHint,
    destructive: annotations.destructiveHint,
    idempotent: annotations.idempotentHint,
    openWorld: annotations.openWorldHint,
  });
}

function ofTool(tool: Tool, name: string): Definition {
  const { title, description, inputSchema, outputSchema, annotations, icons, _meta } = tool;
  return defined({ kind: 'tool', name: tool.name, tool }, name, {
    title: title ?? annotations?.title,
    description,
    inputSchema,
    outputSchema,
    more: { annotations, icons, _meta },
  });
}

function ofPrompt(prompt: Prompt, name: string): Definition {
  const { title, description, arguments: args = [], icons, _meta } = prompt;
  const properties = args.map((each) => [
    each.name,
    { type: 'string', description: each.description, title: (each as { title?: string }).title },
  ]);
  const required = args.filter((each) => each.required).map((each) => each.name);
  return defined({ kind: 'prompt', name: prompt.name }, name, {
    title,
    description,
    inputSchema: {
      type: 'object',
      properties: Object.fromEntries(properties),
      ...(required.length > 0 && { required }),
    },
    more: { arguments: args, icons, _meta },
  });
}

function defined(target: Target, name: string, parts: object): Definition {
  // As JSON has it, without what is undefined.
  const told = JSON.parse(JSON.stringify(parts)) as JsonObject;
  const hash = createHash('sha256')
    .update(canonical({ kind: target.kind, name: target.name, ...told }))
    .digest('hex');
  return { target, name, told, hash };
}

/** JSON with its members in order: the same definition always has the same hash. */
function canonical(value: JsonValue): string {
  return JSON.stringify(value, (_, inner: JsonValue) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
