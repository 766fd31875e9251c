import { randomUUID } from 'node:crypto';
import type { JsonObject } from '@bufbuild/protobuf';
import { ProtocolError, ProtocolErrorCode } from '@modelcontextprotocol/client';
import { Code, type InputKind, type InputRequest, ProviderError } from '@weir/sdk/provider';

/** A call of the old era, which may be held open while its caller thinks. */
export interface OpenCall<R> {
  /** What the caller can be asked now. */
  canAsk: readonly InputKind[];
  /** Resolves with the result, or rejects; unless a question comes first. */
  readonly ended: Promise<R>;
  /** Ends it at the upstream. */
  cancel(reason: string): void;
  /** Asks the caller; resolves with the answer. */
  ask(asked: Pick<InputRequest, 'kind' | 'params'>): Promise<JsonObject>;
  /** Resolves once something has been asked. */
  asked(): Promise<void>;
  /** What is asked and not answered. */
  readonly questions: ReadonlyMap<string, Question>;
}

/** Something asked that waits for its answer. */
interface Question {
  readonly request: InputRequest;
  answer(result: JsonObject): void;
  refuse(text: string): void;
}

const questionsMax = 16;

/** Begins a call that can be asked in. */
export function openCall<R>(
  canAsk: readonly InputKind[],
  begin: (signal: AbortSignal) => Promise<R>,
): OpenCall<R> {
  const cancelling = new AbortController();
  const questions = new Map<string, Question>();
  let wake = Promise.withResolvers<void>();
  const call: OpenCall<R> = {
    canAsk,
    questions,
    ended: begin(cancelling.signal).finally(() => {
      for (const question of questions.values()) question.refuse('the call has ended');
    }),
    cancel: (reason) => cancelling.abort(new Error(reason)),
    asked: () => wake.promise,
    ask({ kind, params }) {
      if (!call.canAsk.includes(kind)) throw cannotAsk(`the caller has no way to answer: ${kind}`);
      if (questions.size >= questionsMax)
        throw cannotAsk(`more than ${questionsMax} questions at once`);
      const id = `q${questions.size + 1}-${randomUUID().slice(0, 8)}`;
      const { promise, resolve, reject } = Promise.withResolvers<JsonObject>();
      const settle = (end: () => void) => {
        questions.delete(id);
        if (questions.size === 0) wake = Promise.withResolvers<void>();
        end();
      };
      questions.set(id, {
        request: { id, kind, params },
        answer: (result) => settle(() => resolve(result)),
        refuse: (text) => settle(() => reject(cannotAsk(text))),
      });
      wake.resolve();
      return promise;
    },
  };
  // Whoever waits for it is told; nobody may.
  call.ended.catch(() => {});
  return call;
}

/** Calls that wait for their callers. */
export interface HeldCalls<T> {
  /** Keeps a call; gives the name by which it is found. Throws RESOURCE_EXHAUSTED. */
  hold(call: T): string;
  /** Takes a call back. Undefined: it is over. */
  take(name: string): T | undefined;
  /** Ends them all. */
  end(): void;
}

/** How many calls of an upstream may wait for their callers. */
export const heldMax = 100;

/** Keeps calls for as long as a call may take, each; what is too old is cancelled. */
export function createHeldCalls<T>(
  timeoutMs: number,
  cancel: (call: T, reason: string) => void,
): HeldCalls<T> {
  const held = new Map<string, { call: T; timer: NodeJS.Timeout }>();
  return {
    hold(call) {
      if (held.size >= heldMax) {
        cancel(call, 'too many calls wait for answers');
        const text = `${heldMax} calls wait for answers of their callers`;
        throw new ProviderError(Code.ResourceExhausted, text, { retryDelayMs: 5_000 });
      }
      const name = randomUUID();
      const timer = setTimeout(() => {
        held.delete(name);
        cancel(call, 'nobody answered in time');
      }, timeoutMs);
      timer.unref();
      held.set(name, { call, timer });
      return name;
    },
    take(name) {
      const found = held.get(name);
      held.delete(name);
      clearTimeout(found?.timer);
      return found?.call;
    },
    end() {
      for (const { call, timer } of held.values()) {
        clearTimeout(timer);
        cancel(call, 'the upstream is closed');
      }
      held.clear();
    },
  };
}

/** What the upstream is told that asks what nobody answers. */
export function cannotAsk(text: string): ProtocolError {
  return new ProtocolError(ProtocolErrorCode.InvalidRequest, text);
}
