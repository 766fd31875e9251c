import { isObject, isRequestId, parseMessage } from './json-rpc.ts';
import type { SessionListeners } from './session-listener.ts';
import type { Sessions } from './sessions.ts';
import type { Readers } from './shared/readers.ts';
import type { Shared } from './shared/shared.ts';

/** What letters of other routers are about. */
export interface LetterDeps {
  readonly shared: Shared;
  readonly sessions: Sessions;
  readonly listeners: SessionListeners;
  readonly readers: Readers;
}

/** Takes what other routers tell of sessions, where something of them lies here. */
export function takeLetters({ shared, sessions, listeners, readers }: LetterDeps): void {
  const { post, spills } = shared;
  const sessionOf = (id: unknown) => (typeof id === 'string' ? sessions.peek(id) : undefined);
  post.take('answer', ({ session: id, message }) => {
    if (!isObject(message)) return false;
    const answer = parseMessage(message);
    return answer.kind === 'response' && (sessionOf(id)?.questions.answered(answer) ?? false);
  });
  post.take('cancel', ({ session: id, requestId }) => {
    const work = isRequestId(requestId) ? sessionOf(id)?.underWay.get(requestId) : undefined;
    work?.abort(new Error('the client wants no answer any more'));
    return work !== undefined;
  });
  post.take('resume', ({ session: id, stream }) => {
    if (typeof stream !== 'string') return false;
    readers.stop(stream);
    const log = sessionOf(id)?.logs.get(stream);
    log?.leave();
    return log !== undefined && spills.share(log);
  });
  post.take('listen', ({ session: id }) => {
    const session = sessionOf(id);
    const listening = session && listeners.get(session);
    listening?.end();
    return listening !== undefined;
  });
}
