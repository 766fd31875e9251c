import { errorCodes, McpError } from '../json-rpc.ts';

/** Streams of calls of other routers that are read here at once: each is a stream to the log. */
const READERS_MAX = 200;

/** Who reads streams of calls that are at work on other routers; one for each stream, the newest. */
export interface Readers {
  readonly size: number;
  /** Opens a reader, until what is returned is disposed of. Throws McpError 503. */
  open(stream: string): { readonly stopped: AbortSignal } & Disposable;
  stop(stream: string): void;
}

/** Creates the account of who reads. */
export function createReaders(): Readers {
  const open = new Map<string, AbortController>();
  return {
    get size() {
      return open.size;
    },
    open(stream) {
      open.get(stream)?.abort();
      if (open.size >= READERS_MAX && !open.has(stream)) throw tooMany();
      const stop = new AbortController();
      open.set(stream, stop);
      return {
        stopped: stop.signal,
        [Symbol.dispose]() {
          if (open.get(stream) === stop) open.delete(stream);
        },
      };
    },
    stop: (stream) => open.get(stream)?.abort(),
  };
}

function tooMany(): McpError {
  const text = `${READERS_MAX} clients go on here with calls of other routers, as many as may; try again later`;
  return new McpError(errorCodes.server, text, {
    ...{ status: 503, headers: { 'retry-after': '5' } },
  });
}
