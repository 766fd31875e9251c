import { once } from 'node:events';
import { copyFile } from 'node:fs/promises';
import { connect as connectHttp2 } from 'node:http2';
import { request as requestHttps } from 'node:https';
import { connect } from 'node:net';
import { join } from 'node:path';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { create, toBinary } from '@bufbuild/protobuf';
import { createClient } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport } from '@connectrpc/connect-node';
import * as grpc from '@grpc/grpc-js';
import { FetchContextRequestSchema, RouterService } from '@weir/sdk/gen/weir/router/v1/router_pb';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { WebSocket } from 'ws';
import { systemClock } from '../clock.ts';
import { createMetrics } from '../metrics.ts';
import { openTestAuthority, type TestAuthority } from '../testing/certificates.ts';
import { type Peer, peerKey } from './peer.ts';
import { authorization, echoRoutes, openTestServer, silentLog } from './test-server.ts';
import { openServerTls, tlsServerSettings } from './tls-settings.ts';

let authority: TestAuthority;
let foreign: TestAuthority;
beforeAll(async () => {
  [authority, foreign] = await Promise.all([openTestAuthority(), openTestAuthority('Foreign')]);
});
afterAll(async () => {
  await authority[Symbol.asyncDispose]();
  await foreign[Symbol.asyncDispose]();
});

const settings = tlsServerSettings('WEIR_TLS', 'callers');
type Values = Parameters<typeof openServerTls>[1];
type ServerOptions = Partial<Parameters<typeof openTestServer>[0]>;

/** A server over TLS, with files of its own that can be changed. */
async function openTlsServer(values: Values = {}, options: ServerOptions = {}) {
  const { certFile, keyFile } = await authority.issue();
  const folder = authority.folder;
  const name = Math.random().toString(36).slice(2);
  const files = { cert: join(folder, `${name}.pem`), key: join(folder, `${name}.key`) };
  await copyFile(certFile, files.cert);
  await copyFile(keyFile, files.key);
  const given = { tlsCertFile: files.cert, tlsKeyFile: files.key, ...values };
  const metrics = createMetrics('test');
  const deps = { clock: systemClock, log: silentLog(), metrics };
  const tls = await openServerTls(settings, given, deps);
  const server = await openTestServer({ routes: echoRoutes, ...options, tls, metrics });
  return {
    ...server,
    files,
    metrics,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      tls?.[Symbol.dispose]();
      await metrics.shutdown();
    },
  };
}

const refs = [{ type: 'DocChunk', key: 'a' }];
const headers = { authorization };
const mutual = () => ({ tlsClientCert: 'require' as const, tlsClientCaFile: authority.caFile });

function clients(baseUrl: string, nodeOptions: object) {
  return {
    'gRPC on HTTP/2': createGrpcTransport({ baseUrl, nodeOptions }),
    'Connect on HTTP/2': createConnectTransport({ baseUrl, httpVersion: '2', nodeOptions }),
    'Connect on HTTP/1.1': createConnectTransport({ baseUrl, httpVersion: '1.1', nodeOptions }),
  };
}

it('all protocols are spoken over TLS 1.3 on one port, by ALPN', async () => {
  await using server = await openTlsServer();
  expect(server.url).toMatch(/^https:/);
  for (const transport of Object.values(clients(server.url, { ca: authority.ca }))) {
    const client = createClient(RouterService, transport);
    expect((await client.fetchContext({ refs }, { headers })).results).toHaveLength(1);
    expect(
      await Array.fromAsync(client.streamContext({ fetch: { refs } }, { headers })),
    ).toHaveLength(1);
  }
});

it('@grpc/grpc-js calls over TLS, with a certificate of its own', async () => {
  await using server = await openTlsServer(mutual());
  const { cert, key } = await authority.issue({ use: 'clientAuth' });
  const credentials = grpc.credentials.createSsl(
    Buffer.from(authority.ca),
    Buffer.from(key),
    Buffer.from(cert),
  );
  const client = new grpc.Client(`127.0.0.1:${server.port}`, credentials);
  const metadata = new grpc.Metadata();
  metadata.set('authorization', authorization);
  const request = Buffer.from(
    toBinary(FetchContextRequestSchema, create(FetchContextRequestSchema, { refs })),
  );
  const same = (bytes: Buffer) => bytes;
  const answer = await new Promise<Buffer | undefined>((resolve, reject) => {
    const path = '/weir.router.v1.RouterService/FetchContext';
    client.makeUnaryRequest(path, same, same, request, metadata, (error, value) =>
      error ? reject(error) : resolve(value),
    );
  });
  expect(answer?.length).toBeGreaterThan(0);
  client.close();
});

it('TLS 1.2 is refused', async () => {
  await using server = await openTlsServer();
  const socket = connectTls({ port: server.port, ca: authority.ca, maxVersion: 'TLSv1.2' });
  const [error] = await once(socket, 'error');
  expect(error).toMatchObject({ code: 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION' });
  expect(await server.metrics.text()).toMatch(/weir_tls_handshakes_total{result="failed"[^}]*} 1/);
});

it('a session is never resumed, since it would not be verified again', async () => {
  await using server = await openTlsServer();
  const options = { port: server.port, host: '127.0.0.1', ca: authority.ca };
  const first = connectTls({ ...options, ALPNProtocols: ['http/1.1'] });
  let session: Buffer | undefined;
  first.on('session', (given: Buffer) => {
    session = given;
  });
  await once(first, 'secureConnect');
  first.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
  await once(first, 'data');
  const again = connectTls({ ...options, session: session ?? first.getSession() });
  await once(again, 'secureConnect');
  expect(again.isSessionReused()).toBe(false);
  for (const socket of [first, again]) socket.destroy();
});

describe('clear text on a port with TLS', () => {
  it('is refused over HTTP/1.1 with a sentence, and over HTTP/2 by hanging up', async () => {
    await using server = await openTlsServer();
    const plain = connect({ port: server.port, host: '127.0.0.1' });
    plain.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
    const [answer] = await once(plain, 'data');
    expect(String(answer)).toMatch(/^HTTP\/1.1 400 [\s\S]*speaks TLS/);
    const session = connectHttp2(`http://127.0.0.1:${server.port}`);
    session.on('error', () => {});
    await once(session, 'close');
    plain.destroy();
  });

  it('is taken when the operator says so', async () => {
    await using server = await openTlsServer({ tlsClearText: true });
    for (const baseUrl of [server.url, server.url.replace('http:', 'https:')]) {
      const client = createClient(
        RouterService,
        createGrpcTransport({ baseUrl, nodeOptions: { ca: authority.ca } }),
      );
      expect((await client.fetchContext({ refs }, { headers })).results).toHaveLength(1);
    }
  });
});

/** Whether a client with a certificate gets an answer. */
async function isServed(port: number, certificate: object): Promise<boolean> {
  const options = { port, host: '127.0.0.1', ca: authority.ca, ...certificate };
  const socket: TLSSocket = connectTls({ ...options, ALPNProtocols: ['http/1.1'] });
  socket.on('error', () => {});
  socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
  const served = await new Promise<boolean>((resolve) => {
    socket.once('data', () => resolve(true)).once('close', () => resolve(false));
  });
  socket.destroy();
  return served;
}

describe.each(['request', 'require'] as const)('client certificates, %s', (tlsClientCert) => {
  it('a good one is taken; expired, foreign and wrong-use ones are cut off', async () => {
    await using server = await openTlsServer({ ...mutual(), tlsClientCert });
    const use = 'clientAuth' as const;
    const good = await authority.issue({ use });
    const expired = await authority.issue({ use, dates: ['20200101000000Z', '20200102000000Z'] });
    const wrongUse = await authority.issue({ use: 'serverAuth' });
    const stranger = await foreign.issue({ use });
    expect(await isServed(server.port, good)).toBe(true);
    for (const bad of [expired, wrongUse, stranger]) {
      expect(await isServed(server.port, { cert: bad.cert, key: bad.key })).toBe(false);
    }
  });

  it('none at all is cut off only when one is required', async () => {
    await using server = await openTlsServer({ ...mutual(), tlsClientCert });
    expect(await isServed(server.port, {})).toBe(tlsClientCert === 'request');
  });
});

it('the gate sees the address and the verified certificate', async () => {
  const peers: Peer[] = [];
  await using server = await openTlsServer(mutual(), {
    gate: ({ values }) => void peers.push(values.get(peerKey)),
  });
  const { cert, key } = await authority.issue({
    use: 'clientAuth',
    subject: '/C=DE/O=Example, Ltd./CN=agent-a',
    names: 'URI:spiffe://example.org/agent/a,DNS:localhost',
  });
  for (const transport of Object.values(clients(server.url, { ca: authority.ca, cert, key }))) {
    await createClient(RouterService, transport).fetchContext({ refs });
  }
  expect(peers).toHaveLength(3);
  for (const peer of peers) {
    expect(peer).toMatchObject({
      address: '127.0.0.1',
      certificate: {
        uris: ['spiffe://example.org/agent/a'],
        subject: 'CN=agent-a,O=Example\\, Ltd.,C=DE',
      },
    });
    expect(peer.certificate?.notAfterMs).toBeGreaterThan(Date.now());
  }
});

it('a WebSocket shows its certificate, but not for a page of another origin', async () => {
  const peers: Peer[] = [];
  await using server = await openTlsServer(mutual(), {
    gate: ({ values }) => void peers.push(values.get(peerKey)),
    webSocket: { hosts: [] },
    cors: { origins: '*' },
  });
  const { cert, key } = await authority.issue({ use: 'clientAuth' });
  const of = async (origin: string | undefined) => {
    const options = { ca: authority.ca, cert, key, ...(origin && { origin }) };
    const socket = new WebSocket(`wss://127.0.0.1:${server.port}/ws`, 'weir.v1.json', options);
    await once(socket, 'open');
    const method = '/weir.router.v1.RouterService/FetchContext';
    socket.send(JSON.stringify({ open: { call: 1, method } }));
    await once(socket, 'message');
    socket.terminate();
    return peers.pop()?.certificate !== undefined;
  };
  expect(await of(undefined)).toBe(true);
  expect(await of(server.url)).toBe(true);
  expect(await of('https://other.example')).toBe(false);
});

describe('limits hold over TLS too', () => {
  it('a socket that begins a handshake and says no more is ended', async () => {
    await using server = await openTlsServer({}, { limits: { silentSocketMs: 80 } });
    const socket = connect({ port: server.port, host: '127.0.0.1' });
    socket.write(Buffer.from([0x16, 3, 1]));
    await once(socket.resume(), 'close');
  });

  it('so is one that shook hands and never asks, whatever it speaks', async () => {
    await using server = await openTlsServer({}, { limits: { silentSocketMs: 80 } });
    for (const protocol of ['h2', 'http/1.1']) {
      const options = { port: server.port, host: '127.0.0.1', ca: authority.ca };
      const socket = connectTls({ ...options, ALPNProtocols: [protocol] });
      socket.on('error', () => {});
      await once(socket, 'secureConnect');
      await once(socket.resume(), 'close');
    }
  });

  it('one address may open so many connections', async () => {
    await using server = await openTlsServer({}, { limits: { maxConnectionsPerAddress: 1 } });
    const options = { port: server.port, host: '127.0.0.1', ca: authority.ca };
    const first = connectTls(options);
    await once(first, 'secureConnect');
    const second = connectTls(options).on('error', () => {});
    await new Promise((resolve) => second.resume().once('close', resolve));
    first.destroy();
  });

  it('an HTTP/2 connection on which nothing is asked is ended politely', async () => {
    await using server = await openTlsServer({}, { limits: { idleConnectionMs: 80 } });
    const session = connectHttp2(server.url, { ca: authority.ca });
    const [code] = await once(session, 'goaway');
    expect(code).toBe(0);
    await once(session, 'close');
  });

  it('headers that are too large are refused', async () => {
    await using server = await openTlsServer({}, { limits: { headersMaxBytes: 2000 } });
    const [response] = await once(
      requestHttps(server.url, { ca: authority.ca, headers: { 'x-long': 'a'.repeat(3000) } }).end(),
      'response',
    );
    expect(response.statusCode).toBe(431);
  });

  it('a stream whose reader takes nothing is cut', async () => {
    const left = Promise.withResolvers<void>();
    const body = { case: 'payload' as const, value: new Uint8Array(100_000) };
    const result = { outcome: { case: 'item' as const, value: { body } } };
    const routes: ServerOptions['routes'] = (router) =>
      router.service(RouterService, {
        async *streamContext(_, { signal }) {
          signal.addEventListener('abort', () => left.resolve(), { once: true });
          for (;;) yield { result };
        },
      });
    await using server = await openTlsServer({}, { limits: { slowReaderMs: 80 }, routes });
    const session = connectHttp2(server.url, { ca: authority.ca });
    const stream = session.request({
      ':method': 'POST',
      ':path': '/weir.router.v1.RouterService/StreamContext',
      'content-type': 'application/grpc',
      ...headers,
    });
    stream.on('error', () => {});
    stream.end(Buffer.alloc(5));
    await left.promise;
    session.destroy();
  }, 60_000);

  it('draining tells the peers and waits for what is under way', async () => {
    const begun = Promise.withResolvers<void>();
    const finish = Promise.withResolvers<void>();
    const routes: ServerOptions['routes'] = (router) =>
      router.service(RouterService, {
        async fetchContext() {
          begun.resolve();
          await finish.promise;
          return { results: [{ index: 5 }] };
        },
      });
    await using server = await openTlsServer({}, { routes });
    const session = connectHttp2(server.url, { ca: authority.ca });
    const goneAway = once(session, 'goaway');
    const nodeOptions = { ca: authority.ca };
    const transport = createGrpcTransport({ baseUrl: server.url, nodeOptions });
    const call = createClient(RouterService, transport).fetchContext({}, { headers });
    await begun.promise;
    const drained = server.drain(10_000);
    await goneAway;
    finish.resolve();
    expect((await call).results[0]?.index).toBe(5);
    await drained;
  });
});

/** The certificate that a new connection sees. */
async function seenBy(port: number, ca: string): Promise<string> {
  const socket = connectTls({ port, host: '127.0.0.1', ca });
  await once(socket, 'secureConnect');
  const { serialNumber } = socket.getPeerCertificate();
  socket.destroy();
  return serialNumber;
}

it('a new certificate is live without a dropped call; a broken one changes nothing', async () => {
  await using server = await openTlsServer();
  const before = await seenBy(server.port, authority.ca);
  const session = connectHttp2(server.url, { ca: authority.ca });
  await once(session, 'connect');
  // A certificate without its key, as it lies there while both are being written.
  const next = await authority.issue();
  await copyFile(next.certFile, server.files.cert);
  await vi.waitFor(
    async () =>
      expect(await server.metrics.text()).toMatch(/reloads_total{result="refused"[^}]*} 1/),
    { timeout: 10_000 },
  );
  expect(await seenBy(server.port, authority.ca)).toBe(before);
  await copyFile(next.keyFile, server.files.key);
  await vi.waitFor(async () => expect(await seenBy(server.port, authority.ca)).not.toBe(before), {
    timeout: 10_000,
  });
  expect(session.closed).toBe(false);
  session.destroy();
}, 30_000);

it('other authorities send those away whom the old ones let in', async () => {
  const caFile = join(authority.folder, 'authorities.pem');
  await copyFile(authority.caFile, caFile);
  await using server = await openTlsServer({ ...mutual(), tlsClientCaFile: caFile });
  const { cert, key } = await authority.issue({ use: 'clientAuth' });
  const session = connectHttp2(server.url, { ca: authority.ca, cert, key });
  await once(session, 'connect');
  const away = once(session, 'goaway');
  await copyFile(foreign.caFile, caFile);
  await away;
  expect(await isServed(server.port, { cert, key })).toBe(false);
  session.destroy();
}, 30_000);
