import type { JsonObject } from '@bufbuild/protobuf';
import { errorCodes, McpError, type RequestId, type RpcMessage } from './json-rpc.ts';
import type { Question } from './questions.ts';

/** People answer them: more time than this is not given to one. */
const ANSWER_MAX_MS = 600_000;
/** Questions of one session that wait for their answers. */
const WAITING_MAX = 64;

/** Questions that a client was asked in a request of ours, until it answers. */
export interface PendingQuestions {
  /** Asks, by way of `send`. Rejects with McpError when there is no answer. */
  ask(question: Question, way: AskingWay): Promise<JsonObject>;
  /** Takes an answer; false: nothing was asked that it answers. */
  answered(answer: RpcMessage & { readonly kind: 'response' }): boolean;
}

/** How a question goes out, and for how long it waits. */
export interface AskingWay {
  send(message: JsonObject): void;
  readonly signal: AbortSignal;
}

interface Waiting {
  resolve(result: JsonObject): void;
  reject(error: McpError): void;
}

/** Opens the questions of a session, which end with it; `newId` names the router, for answers that come to others. */
export function createPendingQuestions(ended: AbortSignal, newId: () => string): PendingQuestions {
  const waiting = new Map<RequestId, Waiting>();
  return {
    async ask({ method, params }, { send, signal }) {
      if (waiting.size >= WAITING_MAX) {
        throw unanswered(`${WAITING_MAX} questions wait already, as many as may`);
      }
      const id = newId();
      const asked = Promise.withResolvers<JsonObject>();
      const leave = () => asked.reject(unanswered('the client left'));
      const late = setTimeout(() => {
        asked.reject(unanswered(`no answer came within ${ANSWER_MAX_MS / 60_000} min`));
      }, ANSWER_MAX_MS);
      const signals = [signal, ended];
      for (const one of signals) one.addEventListener('abort', leave, { once: true });
      waiting.set(id, asked);
      try {
        if (signals.some(({ aborted }) => aborted)) leave();
        else send({ jsonrpc: '2.0', id, method, params });
        return await asked.promise;
      } finally {
        waiting.delete(id);
        clearTimeout(late);
        for (const one of signals) one.removeEventListener('abort', leave);
      }
    },
    answered({ id, result, error }) {
      const asked = waiting.get(id);
      if (!asked) return false;
      if (result) asked.resolve(result);
      else asked.reject(unanswered(error?.message ?? 'the client gave no reason'));
      return true;
    },
  };
}

function unanswered(why: string): McpError {
  return new McpError(errorCodes.internal, `what the tool asked was not answered: ${why}`);
}
