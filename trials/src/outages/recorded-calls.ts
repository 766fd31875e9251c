import { setTimeout as sleep } from 'node:timers/promises';
import type { CallOptions } from '@connectrpc/connect';
import type { Weir } from '@weir/sdk';

/** Calls that were answered. */
export interface RecordedCalls {
  /** By the request id that the caller was told: how many items were decided, as far as it can know. */
  readonly answered: ReadonlyMap<string, number | undefined>;
  /** Calls that failed; whether they were recorded nobody knows. */
  readonly failed: number;
}

/** Who calls, and how. */
export interface CallerOptions {
  readonly weir: Weir;
  readonly type: string;
  /** Begins the name of everything that is asked for or written. */
  readonly name: string;
  readonly signal: AbortSignal;
}

const CALLERS = 12;
const REFS_MAX = 4;
const TIMEOUT_MS = 3_000;
/** Calls of a router that is down fail at once. */
const PAUSE_AFTER_FAILURE_MS = 100;
/** Of the calls of each caller, every so many is a stream, a list, or a write to the registry. */
const STREAM_EVERY = 5;
const LIST_EVERY = 7;
const WRITE_EVERY = 11;

/** Calls a router until the signal, of all kinds, several calls at a time. */
export function callRecorded(options: CallerOptions): RecordedCalls & { done: Promise<void> } {
  const answered = new Map<string, number | undefined>();
  let failed = 0;
  const call = async (caller: number, at: number) => {
    let id = '';
    const onHeader = (headers: Headers) => {
      id = headers.get('x-request-id') ?? '';
    };
    try {
      const items = await callOnce(options, `${caller}-${at}`, { onHeader, timeoutMs: TIMEOUT_MS });
      if (id === '' || answered.has(id)) throw new Error(`a call was told the id "${id}"`);
      answered.set(id, items);
    } catch {
      failed += 1;
      await sleep(PAUSE_AFTER_FAILURE_MS);
    }
  };
  const run = async (caller: number) => {
    for (let at = 1; !options.signal.aborted; at += 1) await call(caller, at);
  };
  return {
    answered,
    get failed() {
      return failed;
    },
    done: Promise.all(Array.from({ length: CALLERS }, (_, caller) => run(caller))).then(() => {}),
  };
}

/** Says how many items were decided; undefined: that is not told. */
async function callOnce(
  { weir: { router, registry }, type, name }: CallerOptions,
  at: string,
  options: CallOptions,
): Promise<number | undefined> {
  const count = Number(at.split('-').at(-1));
  const key = `${name}-${at}`;
  const refs = Array.from({ length: 1 + (count % REFS_MAX) }, (_, i) => ({
    type,
    key: `${key}-${i}`,
  }));
  if (count % WRITE_EVERY === 0) {
    const source = { case: 'manifest', value: { name: key, description: key } } as const;
    await registry.registerConsumer({ source }, options);
    return undefined;
  }
  if (count % LIST_EVERY === 0) {
    await router.listContext({ type }, options);
    return undefined;
  }
  if (count % STREAM_EVERY !== 0) {
    return (await router.fetchContext({ refs }, options)).results.length;
  }
  let items = 0;
  for await (const { result } of router.streamContext({ fetch: { refs } }, options)) {
    if (result) items += 1;
  }
  return items;
}
