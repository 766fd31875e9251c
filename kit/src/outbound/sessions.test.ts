import { once } from 'node:events';
import { createServer, type ServerHttp2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { createLogger } from '../log.ts';
import { createOutboundGuard } from './guard.ts';
import { openSessions } from './sessions.ts';

const log = createLogger({ name: 'test', level: 'silent' });
const outbound = createOutboundGuard({ allow: ['loopback'], log });

test('a peer that goes away between two calls ends no process', async () => {
  const sessions = new Set<ServerHttp2Session>();
  const server = createServer((_, response) => response.end());
  server.on('session', (session) => sessions.add(session));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  let answered = 0;
  // When the next call comes decides whether anybody still listens for the end of the session.
  for (let round = 0; round < 120; round++) {
    const opened = openSessions(outbound, url);
    const ask = async () => {
      try {
        const stream = await opened.request('GET', '/', {}, {});
        stream.on('error', () => {});
        await once(stream.resume().end(), 'close');
        answered += 1;
      } catch {
        // It was asked of a session that was about to end.
      }
    };
    await ask();
    for (const session of sessions) session.destroy();
    sessions.clear();
    const asks: Promise<void>[] = [];
    for (let call = 0; call < 4; call++) {
      for (let turn = 0; turn < round % 6; turn++) await new Promise(setImmediate);
      asks.push(ask());
    }
    await Promise.all(asks);
    opened.abort();
  }
  expect(answered).toBeGreaterThan(120);
  for (const session of sessions) session.destroy();
  server.close();
});
