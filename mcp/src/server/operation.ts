import { create, type JsonObject } from '@bufbuild/protobuf';
import type { InputAnswer, LogMessage, Progress } from '@weir/sdk/gen/weir/provider/v1/provider_pb';
import { InputAnswerSchema, Severity } from '@weir/sdk/gen/weir/provider/v1/provider_pb';
import {
  CallToolRequestSchema,
  type CallToolResponse,
  type ToolResult,
  ToolService,
} from '@weir/sdk/gen/weir/tools/v1/tools_pb';
import type { McpCall } from './call.ts';
import { jsonBytes, readJson } from './json-bytes.ts';
import { isObject } from './json-rpc.ts';
import { invalidParams, progressTokenOf } from './params.ts';
import { type Question, questionOf } from './questions.ts';

/** A call of an operation, at its beginning or when it goes on. */
export interface OperationCall {
  readonly name: string;
  readonly arguments: JsonObject;
  /** Where a call goes on that has asked; empty: it begins. */
  readonly state: Uint8Array;
  readonly answers: readonly InputAnswer[];
}

/** What came of it: a result, or questions that have to be answered first. */
export type OperationOutcome = { readonly kind: 'result'; readonly result: ToolResult } | Asking;

/** An operation that waits for answers. */
export interface Asking {
  readonly kind: 'asks';
  readonly questions: readonly Question[];
  /** To go on with, with the answers. */
  readonly state: Uint8Array;
}

/** The same as the client gets it. */
export type Answered = { readonly kind: 'done'; readonly result: JsonObject } | Asking;

/** Calls an operation, and tells the client what it says of itself meanwhile. */
export async function callOperation(
  call: McpCall,
  params: JsonObject,
  operation: OperationCall,
): Promise<OperationOutcome> {
  const progressToken = progressTokenOf(params);
  const request = create(CallToolRequestSchema, {
    ...{ tool: operation.name, group: call.group, arguments: jsonBytes(operation.arguments) },
    ...{ state: operation.state, answers: [...operation.answers], canAsk: [...call.canAsk] },
    ...{ wantsProgress: progressToken !== undefined, minSeverity: call.minSeverity },
  });
  const { method } = ToolService;
  const messages = call.visit.stream({ method: method.callTool, signal: call.signal }, (context) =>
    call.backend.callTool(request, context),
  );
  const told = createTelling(call, progressToken);
  for await (const { message } of messages) {
    switch (message.case) {
      case 'result':
        return { kind: 'result', result: message.value };
      case 'inputRequired': {
        const { requests, state } = message.value;
        return { kind: 'asks', questions: requests.map(questionOf), state };
      }
      default:
        told(message);
    }
  }
  throw new Error(`the call of ${operation.name} ended without a result`);
}

/** The answers to questions, by their ids. Throws where one is no object. */
export function answersOf(answers: JsonObject): InputAnswer[] {
  return Object.entries(answers).map(([id, answer]) => {
    if (!isObject(answer)) throw invalidParams(`the answer to ${JSON.stringify(id)} is no object`);
    return create(InputAnswerSchema, { id, result: jsonBytes(answer) });
  });
}

function createTelling(call: McpCall, progressToken: string | number | undefined) {
  let last = Number.NEGATIVE_INFINITY;
  const progress = ({ progress: value, total, text }: Progress) => {
    // It has to grow from message to message, whatever the provider says.
    if (progressToken === undefined || value <= last) return;
    last = value;
    call.notify('notifications/progress', {
      ...{ progressToken, progress: value },
      ...(total !== undefined && { total }),
      ...(text !== '' && { message: text }),
    });
  };
  const log = ({ severity, logger, data }: LogMessage) => {
    call.notify('notifications/message', {
      level: levelOf(severity),
      ...(logger !== '' && { logger }),
      data: readJson(data) ?? null,
    });
  };
  return (message: CallToolResponse['message']) => {
    if (message.case === 'progress') progress(message.value);
    else if (message.case === 'log') log(message.value);
  };
}

/** The names of severities, from the least severe on. */
const levels: readonly (readonly [string, Severity])[] = [
  ['debug', Severity.DEBUG],
  ['info', Severity.INFO],
  ['notice', Severity.NOTICE],
  ['warning', Severity.WARNING],
  ['error', Severity.ERROR],
  ['critical', Severity.CRITICAL],
  ['alert', Severity.ALERT],
  ['emergency', Severity.EMERGENCY],
];

function levelOf(severity: Severity): string {
  return levels.find(([, value]) => value === severity)?.[0] ?? 'info';
}

/** The severity of that name. Throws where there is none. */
export function severityOf(level: unknown): Severity {
  const found = levels.find(([name]) => name === level);
  if (found) return found[1];
  throw invalidParams(`the level must be one of ${levels.map(([name]) => name).join(', ')}`);
}
