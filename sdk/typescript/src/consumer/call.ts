import type { JsonObject } from '@bufbuild/protobuf';
import { durationMs, timestampDate } from '@bufbuild/protobuf/wkt';
import { type Client, Code } from '@connectrpc/connect';
import { WeirCallError } from '../errors.ts';
import type { ToolResult, ToolService } from '../gen/weir/tools/v1/tools_pb.ts';
import { readPayload } from '../payload.ts';
import { type Sensitivity, sensitivityFromWire } from '../sensitivity.ts';
import type { CallSettings } from './fetch.ts';

/** How a tool is called. */
export interface CallToolOptions extends CallSettings {
  /** The tool group. Default: that of the key, if it has one. */
  readonly group?: string | undefined;
  /** What the call is for, as of a fetch. Default: not stated. */
  readonly purpose?: string | undefined;
  /** Told how far the tool is, where it says so. Default: it is not asked to. */
  readonly onProgress?: ((progress: ToolProgress) => void) | undefined;
}

/** How far a tool is. */
export interface ToolProgress {
  /** Grows from call to call. */
  readonly progress: number;
  /** What it grows to. Absent: not known. */
  readonly total?: number;
  /** For people; may be empty. */
  readonly text: string;
}

/** What a tool came to. */
export interface ToolOutcome {
  /**
   * The value: parsed when it is JSON, a string when it is text, else its bytes. Of a result made of
   * pieces, an object with `content`, `structuredContent` and `isError`.
   */
  readonly value: unknown;
  /** The result as it came. */
  readonly bytes: Uint8Array;
  /** The media type of the result. */
  readonly contentType: string;
  /** Whether the tool itself failed; the value says how. */
  readonly isError: boolean;
  /** How sensitive it is; `internal` when nobody says. */
  readonly sensitivity: Sensitivity;
  /** Whether a policy had something of it masked, removed or cut. */
  readonly redacted: boolean;
  /** When the provider held this to be the result. Absent: not said. */
  readonly asOf?: Date;
  /** How long it stays true, in milliseconds. Absent: not said. */
  readonly ttlMs?: number;
}

/** Calls a tool once: what it does may not be done twice, so nothing is tried again. */
export async function callTool(
  tools: Client<typeof ToolService>,
  tool: string,
  given: JsonObject,
  options: CallToolOptions,
): Promise<ToolOutcome> {
  const { group = '', purpose = '', onProgress, timeoutMs, signal } = options;
  const settings = { ...(timeoutMs !== undefined && { timeoutMs }), ...(signal && { signal }) };
  const wantsProgress = onProgress !== undefined;
  const request = { tool, group, purpose, wantsProgress, arguments: encode(given) };
  for await (const { message } of tools.callTool(request, settings)) {
    if (message.case === 'result') return outcomeOf(message.value);
    if (message.case === 'progress') {
      const { progress, total, text } = message.value;
      onProgress?.({ progress, text, ...(total !== undefined && { total }) });
    }
  }
  const text = `${tool} ended without a result`;
  throw new WeirCallError({ code: Code.Internal, text });
}

function outcomeOf({ payload, contentType, ...result }: ToolResult): ToolOutcome {
  const { isError, sensitivity, redacted, asOf, ttl } = result;
  return {
    value: readPayload(contentType, payload),
    bytes: payload,
    contentType,
    isError,
    sensitivity: sensitivityFromWire(sensitivity) ?? 'internal',
    redacted,
    ...(asOf && { asOf: timestampDate(asOf) }),
    ...(ttl && { ttlMs: durationMs(ttl) }),
  };
}

function encode(given: JsonObject): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(given));
}
