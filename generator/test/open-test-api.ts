import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { text } from 'node:stream/consumers';

/** A request that an API got. */
export interface Asked {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
  /** For answers that are none of HTTP. */
  readonly socket: Socket;
}

/** What it answers. */
export interface Answered {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

/** An API on this machine, which keeps what it was asked. */
export interface TestApi extends AsyncDisposable {
  readonly url: string;
  readonly asked: readonly Asked[];
}

/** Opens an API that answers by a function; undefined is never answered. */
export async function openTestApi(
  answer: (asked: Asked) => Answered | undefined | Promise<Answered | undefined>,
): Promise<TestApi> {
  const asked: Asked[] = [];
  const server = createServer((request, response) => {
    const { method = '', url = '', headers, socket } = request;
    void text(request).then(async (body) => {
      const one = { method, url, headers, body, socket };
      asked.push(one);
      respond(response, await answer(one));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

function respond(response: ServerResponse, answer: Answered | undefined): void {
  if (!answer) return;
  const { status = 200, headers = {}, body } = answer;
  const isBytes = typeof body === 'string' || body instanceof Uint8Array;
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(isBytes || body === undefined ? body : JSON.stringify(body));
}
