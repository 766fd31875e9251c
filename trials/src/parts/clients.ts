import { createWeir, type Weir } from '@weir/sdk';

/** Clients that are closed together. */
export interface Clients extends AsyncDisposable {
  /** A client of its own, of one address or several. */
  open(url: string | readonly string[]): Weir;
}

/** Opens clients that call with a key. */
export function openClients(key: string): Clients {
  const stack = new AsyncDisposableStack();
  return {
    open(url) {
      const weir = createWeir({ url, key });
      stack.defer(() => weir.close());
      return weir;
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

/** Some addresses, beginning with another one for each. */
export function turned(urls: readonly string[], by: number): string[] {
  const first = by % urls.length;
  return [...urls.slice(first), ...urls.slice(0, first)];
}
