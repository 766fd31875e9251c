import type { Logger } from '@weir/kit';

/** Does something again and again, never twice at once; disposing ends it. */
export function repeat(everyMs: number, log: Logger, work: () => Promise<void>): Disposable {
  let isBusy = false;
  const doOnce = async () => {
    if (isBusy) return;
    isBusy = true;
    await work().catch((error: unknown) => log.error({ err: error }, 'the journal has a fault'));
    isBusy = false;
  };
  const timer = setInterval(() => void doOnce(), everyMs);
  timer.unref();
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

/** Waits for something, but not longer than this; never rejects. */
export async function within(ms: number, work: Promise<void> | undefined): Promise<void> {
  const late = Promise.withResolvers<void>();
  const timer = setTimeout(late.resolve, ms);
  await Promise.race([work?.catch(() => {}), late.promise]);
  clearTimeout(timer);
}
