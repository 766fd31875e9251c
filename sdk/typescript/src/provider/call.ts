import { create, type JsonObject, type JsonValue } from '@bufbuild/protobuf';
import { Code } from '@connectrpc/connect';
import {
  type CallRequest,
  type CallResponse,
  CallResponseSchema,
  ContentSchema,
  InputKind as WireInputKind,
  Severity as WireSeverity,
} from '../gen/weir/provider/v1/provider_pb.ts';
import { jsonType } from '../payload.ts';
import { sensitivityToWire } from '../sensitivity.ts';
import type { OnFault } from './answer.ts';
import { callerOf } from './caller.ts';
import type { ProviderDefinition } from './definition.ts';
import { encodeError } from './encode.ts';
import type {
  InputKind,
  InputRequired,
  OperationCall,
  OperationDefinition,
  Severity,
  ToolContent,
  ToolContentResult,
} from './operation.ts';
import { ProviderError } from './provider-error.ts';

/** The media type of results made of pieces. */
export const toolResultType = 'application/vnd.weir.tool-result+json';
/** The media type of what prompts return: `description` and `messages`. */
export const promptType = 'application/vnd.weir.prompt+json';

const severities: Readonly<Record<Severity, WireSeverity>> = {
  debug: WireSeverity.DEBUG,
  info: WireSeverity.INFO,
  notice: WireSeverity.NOTICE,
  warning: WireSeverity.WARNING,
  error: WireSeverity.ERROR,
  critical: WireSeverity.CRITICAL,
  alert: WireSeverity.ALERT,
  emergency: WireSeverity.EMERGENCY,
};

const inputKinds: Readonly<Record<InputKind, WireInputKind>> = {
  form: WireInputKind.FORM,
  url: WireInputKind.URL,
  sampling: WireInputKind.SAMPLING,
  roots: WireInputKind.ROOTS,
};

/** Told of a call before its end that are not sent yet; what is beyond is dropped. */
const toldMax = 1_000;

/** Calls an operation. */
export async function* answerCall(
  provider: ProviderDefinition,
  request: CallRequest,
  { signal, onFault }: { readonly signal: AbortSignal; readonly onFault: OnFault },
): AsyncGenerator<CallResponse> {
  const operation = provider.operations.find(({ name }) => name === request.operation);
  if (!operation) {
    const text = `this provider has no operation ${request.operation}`;
    yield failed(new ProviderError(Code.NotFound, text));
    return;
  }
  const told = new Told();
  const ended = endOf(operation, callOf(request, signal, told), (error) =>
    onFault({ what: `operation ${operation.name}`, error }),
  );
  void ended.then(() => told.close());
  for await (const response of told) yield response;
  yield await ended;
}

async function endOf(
  operation: OperationDefinition,
  call: OperationCall<JsonObject>,
  report: (error: unknown) => void,
): Promise<CallResponse> {
  try {
    return responseOf(operation, await operation.call(call));
  } catch (error) {
    if (!call.signal.aborted && !(error instanceof ProviderError)) report(error);
    return failed(error);
  }
}

function callOf(request: CallRequest, signal: AbortSignal, told: Told): OperationCall<JsonObject> {
  const { canAsk, wantsProgress, minSeverity } = request;
  const decoder = new TextDecoder();
  const jsonOf = (bytes: Uint8Array) =>
    bytes.length > 0 ? (JSON.parse(decoder.decode(bytes)) as JsonObject) : {};
  return {
    arguments: jsonOf(request.arguments),
    caller: callerOf(request.caller),
    signal,
    canAsk: (Object.keys(inputKinds) as InputKind[]).filter((kind) =>
      canAsk.includes(inputKinds[kind]),
    ),
    answers: Object.fromEntries(request.answers.map(({ id, result }) => [id, jsonOf(result)])),
    state: decoder.decode(request.state),
    wantsProgress,
    minSeverity: (Object.keys(severities) as Severity[]).find(
      (name) => severities[name] === minSeverity,
    ),
    progress(progress, { total, text = '' } = {}) {
      if (!wantsProgress) return;
      const value = { progress, text, ...(total !== undefined && { total }) };
      told.put(create(CallResponseSchema, { message: { case: 'progress', value } }));
    },
    log(severity, data, logger = '') {
      const level = severities[severity];
      if (minSeverity === WireSeverity.UNSPECIFIED || level < minSeverity) return;
      const value = { severity: level, logger, data: jsonBytes(data) };
      told.put(create(CallResponseSchema, { message: { case: 'log', value } }));
    },
  };
}

function responseOf(operation: OperationDefinition, answer: unknown): CallResponse {
  if (isObject(answer) && 'inputRequired' in answer)
    return asking(answer as unknown as InputRequired);
  const isPieces = isObject(answer) && 'toolContent' in answer;
  const pieces = isPieces ? (answer as unknown as ToolContentResult).toolContent : undefined;
  const isPrompt = operation.kind === 'prompt';
  const content = create(ContentSchema, {
    payload: jsonBytes((pieces ?? answer ?? null) as JsonValue | ToolContent),
    contentType: pieces ? toolResultType : isPrompt ? promptType : jsonType,
    sensitivity: sensitivityToWire(operation.sensitivity),
  });
  const value = { content, isError: pieces?.isError === true };
  return create(CallResponseSchema, { message: { case: 'result', value } });
}

function asking({ inputRequired, state = '' }: InputRequired): CallResponse {
  const requests = inputRequired.map(({ id, kind, params }) => ({
    ...{ id, kind: inputKinds[kind], params: jsonBytes(params) },
  }));
  const value = { requests, state: new TextEncoder().encode(state) };
  return create(CallResponseSchema, { message: { case: 'inputRequired', value } });
}

function failed(error: unknown): CallResponse {
  const { outcome } = encodeError(error, { notFoundToo: true });
  if (outcome.case !== 'failure') throw new TypeError('an error is a failure');
  return create(CallResponseSchema, { message: outcome });
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function jsonBytes(value: unknown): Uint8Array {
  const text: unknown = JSON.stringify(value);
  if (typeof text !== 'string') throw new TypeError(`a value of type ${typeof value} has no JSON`);
  return new TextEncoder().encode(text);
}

/**
 * What is told of a call before its end. A class, for V8 keeps what has a generator of its own until the next full
 * collection.
 */
class Told implements AsyncIterable<CallResponse> {
  readonly #waiting: CallResponse[] = [];
  #isClosed = false;
  #wake = () => {};

  put(response: CallResponse): void {
    if (this.#isClosed || this.#waiting.length >= toldMax) return;
    this.#waiting.push(response);
    this.#wake();
  }

  /** Nothing more comes. */
  close(): void {
    this.#isClosed = true;
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<CallResponse> {
    for (;;) {
      const next = this.#waiting.shift();
      if (next) yield next;
      else if (this.#isClosed) return;
      else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }
}
