import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { createServer as createHttp1Server, request } from 'node:http';
import { connect, createServer } from 'node:http2';
import type { AddressInfo, Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type HttpResponse, systemClock } from '@weir/kit';
import { test } from 'vitest';
import { sendFile } from './send-file.ts';

async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Sends a file once the reader is gone, and tells when that has ended. */
function sendToNobody(path: string) {
  const ended = Promise.withResolvers<void>();
  const send = async (response: HttpResponse) => {
    await using file = await open(path);
    await sendFile({ file, range: { from: 0, to: 999_999 }, response, clock: systemClock });
  };
  const handle = (_request: unknown, response: HttpResponse) => {
    response.once('close', () => void send(response).then(ended.resolve, ended.reject));
  };
  return { handle, ended: ended.promise };
}

test.each(['HTTP/1.1', 'HTTP/2'])('a reader of %s who has left ends the sending', async (by) => {
  const dir = await mkdtemp(join(tmpdir(), 'weir-send-'));
  const path = join(dir, 'value');
  await writeFile(path, randomBytes(1_000_000));
  const { handle, ended } = sendToNobody(path);
  if (by === 'HTTP/2') {
    const server = createServer(handle);
    const session = connect(await listen(server));
    const stream = session.request({ ':path': '/' }).on('error', () => {});
    server.once('stream', () => stream.close(8));
    await ended;
    session.destroy();
    server.close();
  } else {
    const server = createHttp1Server(handle);
    const asked = request(await listen(server)).on('error', () => {});
    asked.end();
    await once(server, 'request');
    asked.destroy();
    await ended;
    server.close();
  }
  await rm(dir, { recursive: true });
});
