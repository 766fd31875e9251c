/**
 * Lets all who ask within `maxAgeMs` share one answer, and the waiting for it. A failure is shared
 * too, so that a source that is down is not asked more often than one that is up. Whoever stops
 * waiting does not stop the others.
 */
export function shareFor<T>(
  maxAgeMs: number,
  load: () => Promise<T>,
  nowMs: () => number = () => performance.now(),
): (signal: AbortSignal) => Promise<T> {
  let latest: { readonly answer: Promise<T>; untilMs: number } | undefined;
  return (signal) => {
    if (!latest || nowMs() >= latest.untilMs) {
      const answer = load();
      const current = { answer, untilMs: Number.POSITIVE_INFINITY };
      const settle = () => {
        current.untilMs = nowMs() + maxAgeMs;
      };
      answer.then(settle, settle);
      latest = current;
    }
    return orAborted(latest.answer, signal);
  };
}

/** The same promise, which fails as soon as the signal is aborted. */
async function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
