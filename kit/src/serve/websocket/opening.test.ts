import { once } from 'node:events';
import { request } from 'node:http';
import type { Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { echoRoutes } from '../test-server.ts';

import { useServers } from './test-socket.ts';

// Who may open a WebSocket, and how.

const open = useServers();

/** The answer to an upgrade that is refused. */
async function refusedUpgrade(port: number, headers: Record<string, string>, path = '/ws') {
  const asked = request({
    ...{ port, host: '127.0.0.1', path },
    headers: {
      ...{ connection: 'upgrade', upgrade: 'websocket', 'sec-websocket-version': '13' },
      'sec-websocket-key': Buffer.alloc(16).toString('base64'),
      'sec-websocket-protocol': 'weir.v1.json',
      ...headers,
    },
  });
  asked.end();
  const [kind, response, socket] = await Promise.race([
    once(asked, 'response').then(([response]) => ['response', response]),
    once(asked, 'upgrade').then(([response, socket]) => ['upgrade', response, socket]),
  ]);
  (socket as Socket | undefined)?.destroy();
  if (kind === 'upgrade') return { status: 101, text: '' };
  let text = '';
  for await (const chunk of response) text += chunk;
  return { status: response.statusCode as number, text, headers: response.headers };
}

describe('opening', () => {
  const own = 'http://127.0.0.1';
  test.each([
    ['a program, under any name', { host: 'router.internal:7070' }, 101],
    ['a page of this address', { host: '127.0.0.1:7070', origin: `${own}:7070` }, 101],
    ['a page of localhost', { host: 'localhost', origin: 'http://localhost' }, 101],
    ['a page of a name of ours', { host: 'weir.example', origin: 'https://weir.example' }, 101],
    [
      'a page of a port that is implied',
      { host: 'weir.example:443', origin: 'https://weir.example' },
      101,
    ],
    ['a page that is allowed', { host: 'weir.example', origin: 'https://console.example' }, 101],
    ['a foreign page', { host: '127.0.0.1:7070', origin: 'https://evil.example' }, 403],
    ['a page of another port', { host: '127.0.0.1:7070', origin: `${own}:8080` }, 403],
    [
      'a page whose name leads here (DNS rebinding)',
      { host: 'evil.example', origin: 'http://evil.example' },
      403,
    ],
    ['a page of nowhere', { host: '127.0.0.1:7070', origin: 'null' }, 403],
    ['a host that is none', { host: 'a b' }, 400],
  ])('%s', async (_, headers, status) => {
    const cors = { origins: ['https://console.example'] };
    const { port } = await open(echoRoutes, {}, { cors });
    const answer = await refusedUpgrade(port, headers);
    expect(answer.status, answer.text).toBe(status);
  });

  test('a refused page learns how to be let in', async () => {
    const { port } = await open();
    const { text } = await refusedUpgrade(port, { origin: 'https://evil.example' });
    expect(text).toBe(
      'pages of "https://evil.example" may not call: allow the origin in WEIR_CORS_ORIGINS, or name the host of your own pages in WEIR_PUBLIC_URL\n',
    );
  });

  test('no subprotocol that is known, a key in the URL, another path, another version', async () => {
    const { port } = await open();
    const unknown = await refusedUpgrade(port, { 'sec-websocket-protocol': 'chat' });
    expect(unknown).toMatchObject({ status: 400 });
    expect(unknown.text).toContain('weir.v1.proto or weir.v1.json');
    const inUrl = await refusedUpgrade(port, {}, '/ws?key=weir_x');
    expect(inUrl.text).toBe('/ws takes no query: credentials go into the metadata of calls\n');
    expect((await refusedUpgrade(port, {}, '/elsewhere')).status).toBe(404);
    expect((await refusedUpgrade(port, { 'sec-websocket-version': '7' })).status).toBe(400);
  });

  test('a plain request is told to upgrade', async () => {
    const { url } = await open();
    const response = await fetch(`${url}/ws`);
    expect(response.status).toBe(426);
    expect(response.headers.get('upgrade')).toBe('websocket');
    expect(await response.text()).toContain('open a WebSocket at /ws');
  });

  test('another upgrade on another path is a plain request', async () => {
    const { port } = await open();
    const headers = { upgrade: 'h2c', connection: 'upgrade, http2-settings' };
    expect((await refusedUpgrade(port, headers, '/nothing')).status).toBe(404);
  });

  test('a server that is told of none has none', async () => {
    const { port } = await open(echoRoutes, {}, { webSocket: undefined });
    expect((await refusedUpgrade(port, {})).status).toBe(404);
  });
});
