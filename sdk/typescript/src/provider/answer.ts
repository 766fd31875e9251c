import { setMaxListeners } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import { create } from '@bufbuild/protobuf';
import { Code } from '@connectrpc/connect';
import {
  type FetchRequest,
  type FetchResponse,
  FetchResponseSchema,
  FetchResultSchema,
} from '../gen/weir/provider/v1/provider_pb.ts';
import { callerOf } from './caller.ts';
import type { ContextDefinition, ContextQuery, FetchAnswer } from './context.ts';
import type { ProviderDefinition } from './definition.ts';
import { type Encoded, encodeAnswer, encodeError, encodePart, messageMaxBytes } from './encode.ts';
import { ProviderError } from './provider-error.ts';

/** Told of each error that callers learn nothing of. */
export type OnFault = (fault: { readonly what: string; readonly error: unknown }) => void;

const defaultConcurrency = 64;

/** No further query is begun while so much waits to be sent to a slow router. */
const unsentMaxBytes = 4 * messageMaxBytes;

interface Job {
  readonly index: number;
  readonly query: ContextQuery;
}

/** Sends an outcome, and the parts that follow it. Rejects when the author's stream fails. */
type Finish = (index: number, encoded: Encoded) => Promise<void>;

/**
 * Answers a batch: runs its queries side by side and sends what is ready without waiting for the
 * rest. What becomes ready in one turn of the event loop shares a message. Large values go in
 * parts, as fast as the router takes them. An error of one query is that query's alone.
 */
export async function* answerFetch(
  provider: ProviderDefinition,
  request: FetchRequest,
  { signal, onFault }: { readonly signal: AbortSignal; readonly onFault: OnFault },
): AsyncGenerator<FetchResponse> {
  // Authors wait on it once per query, which Node would take for a leak.
  setMaxListeners(0, signal);
  const inbox = createInbox(signal);
  const report: OnFault = (fault) => {
    if (!signal.aborted && !(fault.error instanceof ProviderError)) onFault(fault);
  };
  const tasks = tasksOf(provider, request, signal).map((task) => async () => {
    await inbox.room();
    await task((index, encoded) => send(inbox, { index, encoded }, signal), report);
  });
  void runBounded(tasks, provider.concurrency ?? defaultConcurrency, signal);
  for (let left = request.queries.length; left > 0; ) {
    const ready = await inbox.take(left);
    left -= ready.filter(({ isLast }) => isLast).length;
    yield* inMessages(ready);
  }
}

type Task = (finish: Finish, report: OnFault) => Promise<void>;

/** One task per query, or per context where the author fetches many at once. */
function tasksOf(provider: ProviderDefinition, request: FetchRequest, signal: AbortSignal): Task[] {
  const caller = callerOf(request.caller);
  const tasks: Task[] = [];
  const together = new Map<ContextDefinition, Job[]>();
  for (const [index, { type, typeVersion, key, knownEtag }] of request.queries.entries()) {
    const context = provider.contexts.find(
      (each) => each.type === type && (typeVersion === '' || each.version === typeVersion),
    );
    const job = { index, query: { key, knownEtag, caller, signal } };
    if (context === undefined) tasks.push(notOffered(index, `${type}@${typeVersion}`));
    else if (!key.startsWith(context.keyPrefix ?? '')) tasks.push(noSuchKey(index));
    else if (context.fetchMany === undefined) tasks.push(fetchOne(context, job));
    else together.set(context, [...(together.get(context) ?? []), job]);
  }
  for (const [context, jobs] of together) tasks.push(fetchTogether(context, jobs, signal));
  return tasks;
}

function notOffered(index: number, type: string): Task {
  const error = new ProviderError(Code.Unimplemented, `this provider does not offer ${type}`);
  return async (finish) => finish(index, encodeError(error));
}

function noSuchKey(index: number): Task {
  return async (finish) => finish(index, encodeAnswer(undefined, ''));
}

function fetchOne(context: ContextDefinition, { index, query }: Job): Task {
  return async (finish, report) => {
    try {
      const answer = await context.fetch?.(query);
      await finish(index, encodeAnswer(answer, query.knownEtag));
    } catch (error) {
      await finish(index, encodeError(error));
      report({ what: `${context.type}/${query.key}`, error });
    }
  };
}

function fetchTogether(
  context: ContextDefinition,
  jobs: readonly Job[],
  signal: AbortSignal,
): Task {
  return async (finish, report) => {
    const queries = jobs.map((job) => job.query);
    const answers = await answersTo(context, queries, signal);
    const finishOne = async ({ index, query }: Job, position: number) => {
      try {
        const answer = answers(position);
        if (answer instanceof Error) throw answer;
        await finish(index, encodeAnswer(answer, query.knownEtag));
      } catch (error) {
        await finish(index, encodeError(error));
        report({ what: `${context.type}/${query.key}`, error });
      }
    };
    await Promise.all(jobs.map(finishOne));
  };
}

/** The answer at each position; reading it throws when the whole of them failed. */
async function answersTo(
  context: ContextDefinition,
  queries: readonly ContextQuery[],
  signal: AbortSignal,
): Promise<(position: number) => FetchAnswer<unknown> | ProviderError> {
  try {
    const answers = (await context.fetchMany?.(queries, signal)) ?? [];
    if (answers.length !== queries.length) {
      const counts = `${answers.length} answers to ${queries.length} queries`;
      throw new TypeError(`fetchMany returned ${counts}: return one for each, in their order`);
    }
    return (position) => answers[position];
  } catch (error) {
    return () => {
      throw error;
    };
  }
}

async function runBounded(
  tasks: readonly (() => Promise<void>)[],
  limit: number,
  signal: AbortSignal,
): Promise<void> {
  const queue = tasks.values();
  const work = async (): Promise<void> => {
    for (const task of queue) {
      if (signal.aborted) return;
      await task();
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, tasks.length) }, work));
}

interface Ready {
  readonly index: number;
  readonly encoded: Encoded;
  /** Nothing follows for the query. */
  readonly isLast: boolean;
}

/** Puts an outcome into the inbox, and its parts, each once there is room for it. */
async function send(
  inbox: Inbox,
  { index, encoded }: Omit<Ready, 'isLast'>,
  signal: AbortSignal,
): Promise<void> {
  const { parts } = encoded;
  if (!parts) return inbox.put({ index, encoded, isLast: true });
  let held = encoded;
  // Each waits for the next, so that a stream that fails at its end can still be taken back.
  for await (const part of parts) {
    inbox.put({ index, encoded: held, isLast: false });
    held = encodePart(part);
    await inbox.room();
    if (signal.aborted) return;
  }
  inbox.put({ index, encoded: held, isLast: true });
}

/** Results on their way from the queries to the call. */
interface Inbox {
  put(ready: Ready): void;
  /**
   * The results since the last time, at the end of a turn in which there are some; at once when so many
   * are the last of their queries: nothing more comes.
   */
  take(left: number): Promise<Ready[]>;
  /** Resolves once there is room for more. */
  room(): Promise<void>;
}

function createInbox(signal: AbortSignal): Inbox {
  let ready: Ready[] = [];
  let bytes = 0;
  const arrival = createBell(signal);
  const departure = createBell(signal);
  return {
    put(one) {
      ready.push(one);
      bytes += one.encoded.bytes;
      arrival.ring();
    },
    async take(left) {
      if (ready.length === 0) await arrival.wait();
      if (!(left <= ready.length && ready.every(({ isLast }) => isLast))) await setImmediate();
      signal.throwIfAborted();
      const taken = ready;
      ready = [];
      bytes = 0;
      departure.ring();
      return taken;
    },
    async room() {
      while (bytes > unsentMaxBytes && !signal.aborted) await departure.wait();
    },
  };
}

/** Wakes all who wait when it rings, and for good once the signal is aborted. */
function createBell(signal: AbortSignal): { ring(): void; wait(): Promise<void> } {
  const waiting: (() => void)[] = [];
  const ring = (): void => {
    for (const wake of waiting.splice(0)) wake();
  };
  signal.addEventListener('abort', ring, { once: true });
  return {
    ring,
    wait: () =>
      new Promise((resolve) => {
        if (signal.aborted) resolve();
        else waiting.push(resolve);
      }),
  };
}

function* inMessages(ready: readonly Ready[]): Generator<FetchResponse> {
  let message = create(FetchResponseSchema);
  let bytes = 0;
  for (const { index, encoded } of ready) {
    if (bytes > 0 && bytes + encoded.bytes > messageMaxBytes) {
      yield message;
      message = create(FetchResponseSchema);
      bytes = 0;
    }
    message.results.push(create(FetchResultSchema, { index, outcome: encoded.outcome }));
    bytes += encoded.bytes;
  }
  if (bytes > 0) yield message;
}
