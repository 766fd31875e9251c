import { once } from 'node:events';
import type { ServerHttp2Stream } from 'node:http2';
import { setTimeout as sleep } from 'node:timers/promises';
import { Code, ConnectError } from '@connectrpc/connect';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { openSubject, openWireProvider, type Subject } from './bad-subject.ts';
import type { Measured, Promised } from './promise.ts';

const CALLS = 30;
const TIMEOUT_MS = 300;

/** A provider that never answers shows when the router gives up, and what it gave the provider. */
export const p02: Promised = {
  id: 'P2',
  says: "an upstream's deadline is shorter than its caller's, who hears of it in time; a cancel reaches it",
  async measure(signal) {
    await using subject = await openSubject();
    const given: number[] = [];
    let onStream = (_: ServerHttp2Stream) => {};
    await using silent = await openWireProvider((stream, timeoutMs) => {
      given.push(timeoutMs);
      onStream(stream);
    });
    const type = await subject.introduce(silent.url, 'timeout: 60s');
    const over = await overtimes(subject, type, signal);
    const longer = given.filter((ms) => !(ms < TIMEOUT_MS)).length;
    const cancels = await cancelTimes(subject, type, signal, (listener) => {
      onStream = listener;
    });
    return [
      { figure: 'calls that ended otherwise', value: over.otherwise, unit: 'count', limit: 0 },
      { figure: 'calls that the router was late to answer', value: over.late, unit: 'count' },
      { figure: 'DEADLINE_EXCEEDED after the deadline, worst', ...ms(over.worstMs, 50) },
      {
        figure: "upstream deadlines not below the caller's",
        value: longer,
        unit: 'count',
        limit: 0,
      },
      {
        figure: 'upstream deadlines seen',
        value: given.length,
        unit: 'count',
        limit: CALLS,
        atLeast: true,
      },
      { figure: 'from a cancel to the end upstream, worst', ...ms(Math.max(...cancels), 100) },
    ];
  },
};

function ms(value: number, limit: number): Pick<Measured, 'value' | 'unit' | 'limit'> {
  return { value, unit: 'ms', limit };
}

/**
 * How long after the deadline callers were told, at worst. The router answers a little before
 * it; when that is late, the caller's own clock ends the call.
 */
async function overtimes({ router }: Subject, type: string, signal: AbortSignal) {
  let worstMs = 0;
  let late = 0;
  let otherwise = 0;
  for (let i = 0; i < CALLS; i++) {
    const startMs = performance.now();
    const fetch = { refs: [{ type, key: `late${i}` }] };
    try {
      const { results } = await router.fetchContext(fetch, { signal, timeoutMs: TIMEOUT_MS });
      const outcome = results[0]?.outcome;
      const reason = outcome?.case === 'refusal' ? outcome.value.reason : undefined;
      if (reason !== Reason.DEADLINE_EXCEEDED) otherwise++;
    } catch (error) {
      if (ConnectError.from(error).code === Code.DeadlineExceeded) late++;
      else otherwise++;
    }
    worstMs = Math.max(worstMs, performance.now() - startMs - TIMEOUT_MS);
  }
  return { worstMs, late, otherwise };
}

async function cancelTimes(
  { router }: Subject,
  type: string,
  signal: AbortSignal,
  onStream: (listener: (stream: ServerHttp2Stream) => void) => void,
): Promise<number[]> {
  const times: number[] = [];
  for (let i = 0; i < CALLS; i++) {
    const asked = Promise.withResolvers<ServerHttp2Stream>();
    onStream(asked.resolve);
    const cancel = new AbortController();
    const options = { signal: AbortSignal.any([signal, cancel.signal]) };
    router.fetchContext({ refs: [{ type, key: `cancel${i}` }] }, options).catch(() => {});
    const stream = await asked.promise;
    await sleep(10);
    const startMs = performance.now();
    cancel.abort();
    if (!stream.closed) await once(stream, 'close', { signal });
    times.push(performance.now() - startMs);
  }
  return times;
}
