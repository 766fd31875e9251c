import type { JsonObject } from '@bufbuild/protobuf';
import { refuse } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import type { CallToolRequest } from '@weir/sdk/gen/weir/tools/v1/tools_pb';
import { parsePurpose } from '../batch.ts';

/** The arguments of one call. */
export const ARGUMENTS_MAX_BYTES = 1024 * 1024;
/** Answers to what one call asked. */
export const ANSWERS_MAX = 16;
const TOOL_NAME = /^[A-Za-z0-9_.-]{1,256}$/;
const NESTED_MAX = 64;

/** A call that can be made. */
export interface ParsedCall {
  readonly tool: string;
  /** Empty: that of the key, or none. */
  readonly group: string;
  readonly purpose: string;
  /** A JSON object, as it came. */
  readonly bytes: Uint8Array;
  readonly arguments: JsonObject;
}

const noArguments = new TextEncoder().encode('{}');

/** Throws INVALID_NAME, INVALID_ARGUMENTS and MALFORMED_REQUEST, naming the place. */
export function parseCall(request: CallToolRequest): ParsedCall {
  const { tool, group, answers } = request;
  if (!TOOL_NAME.test(tool)) {
    throw invalid(Reason.INVALID_NAME, 'tool', 'name a tool as ListTools gives it');
  }
  if (answers.length > ANSWERS_MAX) {
    const text = `has ${answers.length} entries; at most ${ANSWERS_MAX} were asked for`;
    throw invalid(Reason.MALFORMED_REQUEST, 'answers', text);
  }
  const bytes = request.arguments.length > 0 ? request.arguments : noArguments;
  const purpose = parsePurpose(request.purpose);
  return { tool, group, purpose, bytes, arguments: parseArguments(bytes) };
}

/** The call with arguments that every call has, whatever its caller gave. */
export function withFixed(call: ParsedCall, fixed: JsonObject | undefined): ParsedCall {
  if (!fixed) return call;
  const all = { ...call.arguments, ...fixed };
  return { ...call, arguments: all, bytes: new TextEncoder().encode(JSON.stringify(all)) };
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

function parseArguments(bytes: Uint8Array): JsonObject {
  const field = 'arguments';
  if (bytes.length > ARGUMENTS_MAX_BYTES) {
    const text = `${field} has ${bytes.length} bytes; at most ${ARGUMENTS_MAX_BYTES}`;
    throw refuse(Reason.MESSAGE_TOO_LARGE, text);
  }
  let value: unknown;
  try {
    value = JSON.parse(utf8.decode(bytes));
  } catch {
    throw invalid(Reason.INVALID_ARGUMENTS, field, 'is not JSON in UTF-8; give a JSON object');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalid(Reason.INVALID_ARGUMENTS, field, 'is not a JSON object');
  }
  if (isDeep(value, NESTED_MAX)) {
    const text = `is nested deeper than ${NESTED_MAX}; flatten it`;
    throw invalid(Reason.INVALID_ARGUMENTS, field, text);
  }
  return value as JsonObject;
}

function isDeep(value: unknown, left: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return left === 0 || Object.values(value).some((held) => isDeep(held, left - 1));
}

function invalid(reason: Reason, field: string, description: string) {
  return refuse(reason, `${field} ${description}`, { violations: [{ field, description }] });
}
