import { type ContextKey, createContextKey } from '@connectrpc/connect';

/**
 * Where a handler finds the function to which it gives what is to be done once its answer has left
 * the process, or cannot any more. The call's signal fires before that: when the answer is made.
 * Undefined where no server is.
 */
export const afterCallKey: ContextKey<((done: () => void) => void) | undefined> = createContextKey<
  ((done: () => void) => void) | undefined
>(undefined, { description: 'runs what is given to it when the answer has left' });

/** Where a handler finds the function that cuts its call off, for peers that do not read. */
export const cutKey: ContextKey<() => void> = createContextKey<() => void>(() => {}, {
  description: 'cuts the call off',
});
