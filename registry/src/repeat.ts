import type { Logger } from '@weir/kit';

/** Runs a task again and again, never twice at once; a failure is logged, and it goes on. */
export function repeat(
  name: string,
  intervalMs: number,
  task: () => Promise<void>,
  log: Logger,
): AsyncDisposable {
  let running: Promise<void> | undefined;
  const timer = setInterval(() => {
    running ??= task()
      .catch((error: unknown) => log.warn({ err: error, task: name }, 'a task failed'))
      .finally(() => {
        running = undefined;
      });
  }, intervalMs);
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      await running;
    },
  };
}
