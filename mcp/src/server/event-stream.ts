import type { ServerResponse } from 'node:http';
import type { JsonObject } from '@bufbuild/protobuf';
import type { HttpResponse } from '@weir/kit';

/** How often something is sent where nothing else is, so that nobody between takes it for dead. */
const KEEP_ALIVE_MS = 15_000;
/** What may wait for its reader, in bytes; what comes then and may be left out is left out. */
const WAITING_MAX_BYTES = 1024 * 1024;

/** An answer of events (text/event-stream), one for each message. */
export interface EventStream {
  readonly isClosed: boolean;
  /** Resolves when it is closed: whether all of it went out before. */
  readonly closed: Promise<boolean>;
  /** Sends a message; the id is where a client goes on that was cut off. */
  send(message: JsonObject, id?: string): void;
  /** Sends an event that is no message. */
  event(name: string, data: string): void;
  /** Sends nothing but an id, to go on from before there is a message. */
  prime(id: string): void;
  /** Whether so much waits that what may be left out is to be left out. */
  readonly isFull: boolean;
  end(): void;
}

/** Begins an answer of events. */
export function openEventStream(
  response: HttpResponse,
  headers: Readonly<Record<string, string>> = {},
): EventStream {
  response.statusCode = 200;
  response.setHeader('content-type', 'text/event-stream');
  response.setHeader('cache-control', 'no-store, no-transform');
  // Proxies would hold events back until there are enough of them.
  response.setHeader('x-accel-buffering', 'no');
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  // Node has it for HTTP/2 too, and its types do not know.
  (response as ServerResponse).flushHeaders();
  return new OpenEventStream(response);
}

class OpenEventStream implements EventStream {
  readonly #response: HttpResponse;
  readonly #alive = setInterval(() => this.#write(': \n\n'), KEEP_ALIVE_MS).unref();
  readonly closed: Promise<boolean>;

  constructor(response: HttpResponse) {
    this.#response = response;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.closed = promise;
    let isWhole = false;
    response.once('finish', () => {
      isWhole = true;
    });
    response.once('close', () => {
      clearInterval(this.#alive);
      resolve(isWhole);
    });
  }

  get isClosed(): boolean {
    return this.#response.writableEnded || this.#response.destroyed;
  }

  get isFull(): boolean {
    return this.#response.writableLength > WAITING_MAX_BYTES;
  }

  send(message: JsonObject, id?: string): void {
    const place = id === undefined ? '' : `id: ${id}\n`;
    this.#write(`${place}event: message\ndata: ${JSON.stringify(message)}\n\n`);
  }

  event(name: string, data: string): void {
    this.#write(`event: ${name}\ndata: ${data}\n\n`);
  }

  prime(id: string): void {
    this.#write(`id: ${id}\ndata: \n\n`);
  }

  end(): void {
    clearInterval(this.#alive);
    this.#response.end();
  }

  #write(text: string): void {
    if (this.isClosed) return;
    (this.#response.write as (text: string) => boolean).call(this.#response, text);
  }
}

/** Sends an answer that is one message, or none. */
export function answerJson(
  response: HttpResponse,
  status: number,
  {
    body,
    headers = {},
  }: {
    readonly body?: JsonObject | readonly JsonObject[] | undefined;
    readonly headers?: Readonly<Record<string, string>>;
  } = {},
): void {
  if (response.headersSent || response.destroyed) {
    response.end();
    return;
  }
  response.statusCode = status;
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  if (body === undefined) {
    response.end();
    return;
  }
  response.setHeader('content-type', 'application/json');
  (response as ServerResponse).end(JSON.stringify(body));
}
