import { TransientSet } from '../transient.ts';

type Listener = Parameters<AbortSignal['addEventListener']>[1];

/**
 * Makes the controller of a signal that outlives by far most of those who listen to it, as that of a server outlives
 * calls. An ordinary one keeps its listeners, and all that they hold, from the collector of the young long
 * after they were removed (docs/decisions/transient-collections.md).
 */
export function createLastingController(): AbortController {
  const controller = new AbortController();
  const { signal } = controller;
  const listeners = new TransientSet<NonNullable<Listener>>();
  signal.addEventListener('abort', (event) => {
    for (const listener of listeners) {
      if (typeof listener === 'function') listener.call(signal, event);
      else listener.handleEvent(event);
    }
    listeners.clear();
  });
  // There is one kind of event, and it comes once: no option makes a difference.
  signal.addEventListener = (_: string, listener: Listener | null) => {
    if (listener && !signal.aborted) listeners.add(listener);
  };
  signal.removeEventListener = (_: string, listener: Listener | null) => {
    if (listener) listeners.delete(listener);
  };
  return controller;
}
