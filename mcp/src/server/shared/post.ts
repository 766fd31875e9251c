import { randomUUID } from 'node:crypto';
import type { JsonObject } from '@bufbuild/protobuf';
import { type Clock, MCP_MESSAGES_LOG } from '@weir/kit';
import { errorCodes, isObject, McpError } from '../json-rpc.ts';
import { followLog } from './follow-log.ts';
import type { SharedLogs } from './logs.ts';
import type { RouterIds } from './router-ids.ts';

/** How long an answer of another router is waited for: one that is gone never answers. */
const ANSWER_MAX_MS = 5_000;
/** How often a router says that it is there while others wait for it. */
const ALIVE_EVERY_MS = 3_000;
/** Letters of a router that are on their way at once, and of one session or connection. */
const SENDING_MAX = 1_000;
const SENDING_OF_ONE_MAX = 32;
/** Routers that were heard of lately. */
const HEARD_MAX = 1_000;

/** What letters are about. */
export type Matter =
  /** An answer to a question of the router that it is for. */
  | 'answer'
  /** The client wants no answer to a request any more. */
  | 'cancel'
  /** A client goes on with a stream of the router that it is for; who else reads it reads it no more. */
  | 'resume'
  /** A session listens somewhere else now. */
  | 'listen'
  /** A message for a connection of the router that it is for. */
  | 'posted';

/** What one router tells the others. Each of them reads it. */
export interface Letter {
  readonly about: Matter;
  /** What it says, by the matter. */
  readonly says: JsonObject;
}

/** Takes a letter of another router; says whether there was something here that it is about. */
type Taking = (says: JsonObject) => boolean;

/** How routers tell each other things at once, for what lies in the memory of one of them. */
export interface Post extends AsyncDisposable {
  /** Tells all others; resolves when it is on its way. */
  tell(letter: Letter, signal: AbortSignal): Promise<void>;
  /** Tells all others; says whether one router has something that it is about, or that it says nothing. */
  ask(router: string, letter: Letter, signal: AbortSignal): Promise<'yes' | 'no' | 'silent'>;
  /** Who takes the letters about a matter. */
  take(about: Matter, taking: Taking): void;
  /** How long ago a router was heard of, in milliseconds; infinite: never, or not lately. */
  silentMs(router: string): number;
  /** Says again and again that this router is there, until what is returned is disposed of. */
  stayHeard(): Disposable;
}

/** Opens the post of a router. */
export function openPost(
  logs: SharedLogs,
  { own }: Pick<RouterIds, 'own'>,
  clock: Pick<Clock, 'monotonicMs'>,
): Post {
  const stop = new AbortController();
  const asking = new Map<string, (answer: 'yes' | 'no') => void>();
  const takers = new Map<string, Taking>();
  const heardMs = new Map<string, number>();
  let sending = 0;
  const sendingOf = new Map<unknown, number>();
  let staying = 0;
  const send = async (entry: JsonObject, of: unknown, signal: AbortSignal) => {
    const ofOne = sendingOf.get(of) ?? 0;
    if (sending >= SENDING_MAX || ofOne >= SENDING_OF_ONE_MAX) throw tooMany();
    sending += 1;
    sendingOf.set(of, ofOne + 1);
    try {
      await logs.append(MCP_MESSAGES_LOG, [{ from: own, ...entry }], signal);
    } finally {
      sending -= 1;
      const left = (sendingOf.get(of) ?? 1) - 1;
      if (left === 0) sendingOf.delete(of);
      else sendingOf.set(of, left);
    }
  };
  const answer = (id: string, taken: boolean) => {
    // Who asked hears nothing, and takes this router for gone.
    send({ answers: id, taken }, id, stop.signal).catch(() => undefined);
  };
  const take = ({ from, about, says, asks, to, answers, taken }: JsonObject) => {
    if (typeof from !== 'string' || from === own) return;
    heardMs.delete(from);
    heardMs.set(from, clock.monotonicMs());
    const [oldest] = heardMs.keys();
    if (heardMs.size > HEARD_MAX && oldest !== undefined) heardMs.delete(oldest);
    if (typeof answers === 'string') asking.get(answers)?.(taken === true ? 'yes' : 'no');
    if (typeof about !== 'string' || !isObject(says)) return;
    const wasTaken = isTaken(takers.get(about), says);
    if (typeof asks === 'string' && to === own) answer(asks, wasTaken);
  };
  const following = followLog({
    ...{ logs, log: MCP_MESSAGES_LOG, from: 'end', signal: stop.signal, take },
  });
  const beating = setInterval(() => {
    if (staying > 0) send({ alive: true }, 'alive', stop.signal).catch(() => undefined);
  }, ALIVE_EVERY_MS).unref();
  return {
    tell: ({ about, says }, signal) => send({ about, says }, ownerOf(says), signal),
    async ask(router, { about, says }, signal) {
      const id = randomUUID();
      const { promise, resolve } = Promise.withResolvers<'yes' | 'no' | 'silent'>();
      const leave = () => resolve('silent');
      const late = setTimeout(leave, ANSWER_MAX_MS);
      signal.addEventListener('abort', leave, { once: true });
      asking.set(id, resolve);
      try {
        await send({ about, says, asks: id, to: router }, ownerOf(says), signal);
        return await promise;
      } finally {
        asking.delete(id);
        clearTimeout(late);
        signal.removeEventListener('abort', leave);
      }
    },
    take: (about, taking) => void takers.set(about, taking),
    silentMs: (router) => clock.monotonicMs() - (heardMs.get(router) ?? Number.NEGATIVE_INFINITY),
    stayHeard() {
      staying += 1;
      let isOver = false;
      return {
        [Symbol.dispose]() {
          if (!isOver) staying -= 1;
          isOver = true;
        },
      };
    },
    async [Symbol.asyncDispose]() {
      clearInterval(beating);
      stop.abort();
      await following;
    },
  };
}

/** What a letter counts for. */
function ownerOf({ session, connection }: JsonObject): unknown {
  return session ?? connection;
}

/** What cannot be read is about nothing here. */
function isTaken(taking: Taking | undefined, says: JsonObject): boolean {
  try {
    return taking?.(says) ?? false;
  } catch {
    return false;
  }
}

function tooMany(): McpError {
  const text = `too many messages to other routers are on their way (${SENDING_OF_ONE_MAX} of one session, ${SENDING_MAX} in all, as many as may be); try again`;
  return new McpError(errorCodes.server, text, {
    ...{ status: 503, headers: { 'retry-after': '1' } },
  });
}
