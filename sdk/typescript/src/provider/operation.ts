import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import { create } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import {
  OperationKind,
  type OperationOffer,
  OperationOfferSchema,
} from '../gen/weir/registry/v1/resources_pb.ts';
import { type Sensitivity, sensitivityToWire } from '../sensitivity.ts';
import { scopeToWire } from './cache-scope.ts';
import type { Caller, JsonSchema, Suggest } from './context.ts';
import { operationFaults } from './faults.ts';

/** How much a message matters, as syslog (RFC 5424) has it. */
export type Severity =
  | 'debug'
  | 'info'
  | 'notice'
  | 'warning'
  | 'error'
  | 'critical'
  | 'alert'
  | 'emergency';

/**
 * What can be asked of a caller: that a person fills in a form, or opens an address; that the
 * caller's model goes on with a conversation; the folders that it works on.
 */
export type InputKind = 'form' | 'url' | 'sampling' | 'roots';

/** Something asked of the caller. */
export interface InputRequest {
  /** Names it within the call. */
  readonly id: string;
  readonly kind: InputKind;
  /**
   * The question: the params of `elicitation/create`, `sampling/createMessage` or `roots/list` of the
   * Model Context Protocol.
   */
  readonly params: JsonObject;
}

/** What an operation returns that has to ask before it can go on. Made by `inputRequired`. */
export interface InputRequired {
  readonly inputRequired: readonly InputRequest[];
  /** Comes back with the answers; at most 16 KiB. Only this provider can read it. Default: empty. */
  readonly state?: string | undefined;
}

/** Asks the caller: the operation is called again with the answers. At most 16 questions. */
export function inputRequired(requests: readonly InputRequest[], state = ''): InputRequired {
  return Object.freeze({ inputRequired: requests, state });
}

/** A result made of pieces, as the Model Context Protocol has CallToolResult. */
export interface ToolContent {
  /** The pieces: `{ type: 'text', text }`, images, links and so on. */
  readonly content: readonly JsonObject[];
  /** The same as a value that conforms to the output schema. */
  readonly structuredContent?: JsonValue | undefined;
  /** Whether the operation failed; the content says how. Default: no. */
  readonly isError?: boolean | undefined;
}

/** What an operation returns that is more than a value. Made by `toolContent`. */
export interface ToolContentResult {
  readonly toolContent: ToolContent;
}

/** Returns a result made of pieces in place of a value. */
export function toolContent(content: ToolContent): ToolContentResult {
  return Object.freeze({ toolContent: content });
}

/** A call of an operation. */
export interface OperationCall<A> {
  /** The arguments. Routers hold them to the `input` schema wherever they can; see docs/tools.md. */
  readonly arguments: A;
  /** For whom. */
  readonly caller: Caller;
  /** Aborted when the result is no longer wanted. */
  readonly signal: AbortSignal;
  /** What the caller can be asked. */
  readonly canAsk: readonly InputKind[];
  /** The answers to what was asked, by the id of the request; empty at first. */
  readonly answers: Readonly<Record<string, JsonObject>>;
  /** The state that was given with the questions; empty at first. */
  readonly state: string;
  /** Whether anybody wants to know how far the operation is. */
  readonly wantsProgress: boolean;
  /** The least severity that is of interest. Undefined: nothing that is said of it is. */
  readonly minSeverity: Severity | undefined;
  /** Tells how far the operation is; dropped when nobody wants to know. */
  progress(progress: number, more?: { readonly total?: number; readonly text?: string }): void;
  /** Says something of the operation; dropped when it matters less than the caller wants to know. */
  log(severity: Severity, data: JsonValue, logger?: string): void;
}

/** What an operation may return: a value that has JSON, pieces, or a question. */
export type OperationAnswer = unknown | ToolContentResult | InputRequired;

/** Something that a provider can do besides give context. */
export interface OperationSpec<A = JsonObject> {
  /** The name, unique in the provider: 1 to 128 of A-Z, a-z, 0-9, "_", "-" and ".". */
  readonly name: string;
  /** What people call it. */
  readonly title?: string | undefined;
  /** What it does, for whoever decides whether to call it. */
  readonly description?: string | undefined;
  /** Whether it is for models, or makes the beginning of a conversation. Default: `tool`. */
  readonly kind?: 'tool' | 'prompt' | undefined;
  /** The JSON Schema of the arguments, an object. Default: any object. */
  readonly input?: JsonSchema | undefined;
  /** The JSON Schema of what it returns. Default: not stated. */
  readonly output?: JsonSchema | undefined;
  /** It changes nothing. Default: it may. */
  readonly readOnly?: boolean | undefined;
  /** What it changes may be lost. Default: it may. */
  readonly destructive?: boolean | undefined;
  /** Calling it once more changes nothing more: routers may. Default: it may. */
  readonly idempotent?: boolean | undefined;
  /** It reaches things outside of the provider. Default: it may. */
  readonly openWorld?: boolean | undefined;
  /** The time for one call, in milliseconds, up to 600,000. Default: the provider's `timeoutMs`. */
  readonly timeoutMs?: number | undefined;
  /** How long a result stays true, in milliseconds; only with `readOnly`. Default: 0, not cached. */
  readonly ttlMs?: number | undefined;
  /** Among whom a cached result may be shared. Default: the tenant, or the principal that is told. */
  readonly scope?: 'tenant' | 'principal' | 'none' | undefined;
  /** How sensitive results are. Default: `internal`. */
  readonly sensitivity?: Sensitivity | undefined;
  /** What else is told of it to who lists it, such as icons. */
  readonly annotations?: JsonObject | undefined;
  /** Suggests values for an argument. Left out: nothing is suggested. */
  readonly suggest?: Suggest | undefined;
  /**
   * Does it. Throw a `ProviderError` to say why it cannot be done; of any other error callers only
   * learn that there was one.
   */
  call(call: OperationCall<A>): Promise<OperationAnswer> | OperationAnswer;
}

/** An operation as a provider offers it. Made by `defineOperation`. */
export interface OperationDefinition extends OperationSpec {}

/**
 * Declares an operation, and the function that does it. `A` is what the arguments are, as `input`
 * has them.
 *
 * @throws {TypeError} when the declaration has faults; the message names each.
 */
export function defineOperation<A = JsonObject>(spec: OperationSpec<A>): OperationDefinition {
  const faults = operationFaults(spec as OperationSpec);
  if (faults.length > 0) throw new TypeError(`operation ${spec.name}: ${faults.join('; ')}`);
  return Object.freeze({ ...spec }) as OperationDefinition;
}

/** An operation as the manifest has it. */
export function operationOffer(operation: OperationDefinition): OperationOffer {
  const { name, title = '', description = '', input, output, timeoutMs, ttlMs } = operation;
  const { readOnly, destructive, idempotent, openWorld, annotations } = operation;
  return create(OperationOfferSchema, {
    ...{ name, title, description },
    kind: operation.kind === 'prompt' ? OperationKind.PROMPT : OperationKind.TOOL,
    sensitivity: sensitivityToWire(operation.sensitivity),
    scope: scopeToWire(operation.scope),
    hints: {
      ...(readOnly !== undefined && { readOnly }),
      ...(destructive !== undefined && { destructive }),
      ...(idempotent !== undefined && { idempotent }),
      ...(openWorld !== undefined && { openWorld }),
    },
    ...(input && { inputSchema: input }),
    ...(output && { outputSchema: output }),
    ...(annotations && { annotations }),
    ...(timeoutMs !== undefined && { timeout: durationFromMs(timeoutMs) }),
    ...(ttlMs !== undefined && { ttl: durationFromMs(ttlMs) }),
  });
}
