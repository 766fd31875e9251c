import type { JsonObject } from '@bufbuild/protobuf';
import type { RequestOptions, Tool } from '@modelcontextprotocol/client';
import { type OperationCall, toolContent } from '@weir/sdk/provider';
import type { Session } from './session.ts';

/** A tool or a prompt of an upstream. */
export type Target =
  | { readonly kind: 'tool'; readonly name: string; readonly tool: Tool }
  | { readonly kind: 'prompt'; readonly name: string };

export type Call = OperationCall<JsonObject>;

/** Sends a call. The SDK would also check results; whether they are good is for callers to say. */
export function send(
  { client }: Session,
  target: Target,
  { params, options }: { readonly params: object; readonly options: RequestOptions },
): Promise<unknown> {
  const all = { ...params, name: target.name };
  if (target.kind === 'prompt') return client.getPrompt(all, options);
  const { outputSchema: _, ...toolDefinition } = target.tool;
  return client.callTool(all, { ...options, toolDefinition });
}

/** The arguments as the protocol has them. */
export function argumentsOf(target: Target, call: Call): { readonly arguments: object } {
  if (target.kind === 'tool') return { arguments: call.arguments };
  const texts = Object.entries(call.arguments).map(([name, value]) => [
    name,
    typeof value === 'string' ? value : JSON.stringify(value),
  ]);
  return { arguments: Object.fromEntries(texts) };
}

/** Has progress told to whoever listens then. */
export function progressOf(call: Call, listener: () => Call): RequestOptions {
  if (!call.wantsProgress) return {};
  return {
    onprogress: ({ progress, total, message }) =>
      listener().progress(progress, {
        ...(total !== undefined && { total }),
        ...(message !== undefined && { text: message }),
      }),
  };
}

/** A result as operations return it. */
export function answerOf(target: Target, result: unknown): unknown {
  if (target.kind === 'prompt') return result;
  return toolContent(result as unknown as Parameters<typeof toolContent>[0]);
}
