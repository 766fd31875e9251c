import { once } from 'node:events';
import { type AddressInfo, createServer, Socket } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { createLogger } from '../log.ts';
import { createMetrics } from '../metrics.ts';
import { createOutboundGuard, type OutboundGuardOptions, OutboundRefused } from './guard.ts';

/** What dials it is counted; it sits where nobody may be led. */
let dialled = 0;
let port = 0;
const canary = createServer((socket) => {
  dialled += 1;
  socket.on('error', () => {});
  socket.end();
});
const log = createLogger({ name: 'test', level: 'silent' });

beforeAll(async () => {
  canary.listen(0, '0.0.0.0');
  await once(canary, 'listening');
  port = (canary.address() as AddressInfo).port;
});

afterAll(() => canary.close());

beforeEach(() => {
  dialled = 0;
});

type Given = Partial<OutboundGuardOptions>;

/** Connects, and says what became of it. */
async function dial(text: string, given: Given = {}): Promise<'connected' | 'refused' | Error> {
  const guard = createOutboundGuard({ allow: [], log, ...given });
  const socket = guard.connect(new URL(text));
  try {
    await once(socket, 'connect');
    await once(socket.resume(), 'close');
    return 'connected';
  } catch (error) {
    return error instanceof OutboundRefused ? 'refused' : (error as Error);
  } finally {
    socket.destroy();
  }
}

test('what is sent does not wait for what was sent before it', async () => {
  const setNoDelay = vi.spyOn(Socket.prototype, 'setNoDelay');
  for (const scheme of ['http', 'https']) {
    const guard = createOutboundGuard({ allow: ['127.0.0.1'], log });
    const socket = guard.connect(new URL(`${scheme}://127.0.0.1:${port}`)).on('error', () => {});
    expect(setNoDelay.mock.contexts).toContain(socket);
    socket.destroy();
  }
  setNoDelay.mockRestore();
});

describe('an address that is not public', () => {
  test.each([
    ['loopback', '127.0.0.1'],
    ['loopback, elsewhere', '127.8.9.10'],
    ['loopback by IPv6', '[::1]'],
    ['mapped into IPv6', '[::ffff:127.0.0.1]'],
    ['mapped, in hexadecimal', '[::ffff:7f00:1]'],
    ['compatible with IPv6', '[::127.0.0.1]'],
    ['behind a translator', '[64:ff9b::7f00:1]'],
    ['one number', '2130706433'],
    ['octal', '0177.0.0.1'],
    ['hexadecimal', '0x7f.0.0.1'],
    ['short', '127.1'],
    ['of other digits', '①②⑦.⓪.⓪.①'],
    ['unspecified', '0.0.0.0'],
    ['unspecified by IPv6', '[::]'],
    ['link-local', '169.254.10.20'],
    ['the metadata of a cloud', '169.254.169.254'],
    ['the metadata of a cloud by IPv6', '[fd00:ec2::254]'],
    ['private', '10.0.0.1'],
    ['private by IPv6', '[fd12:3456::1]'],
    ['of a carrier', '100.64.0.1'],
    ['of the carrier, and metadata', '100.100.100.200'],
    ['public, and the host of a cloud', '168.63.129.16'],
    ['multicast', '224.0.0.1'],
    ['broadcast', '255.255.255.255'],
    ['outside of what was given out', '[4000::1]'],
  ])('is not dialled: %s', async (_, host) => {
    const url = `http://${host}:${port}`;
    expect(await dial(url)).toBe('refused');
    expect(createOutboundGuard({ allow: [], log }).faultOf(new URL(url))).toMatch(/may not be/);
    expect(await dial(url.replace('http:', 'https:'))).toBe('refused');
    expect(dialled).toBe(0);
  });

  test('is counted by the canary when it may be called', async () => {
    expect(await dial(`http://127.0.0.1:${port}`, { allow: ['loopback'] })).toBe('connected');
    expect(dialled).toBe(1);
  });
});

describe('a name', () => {
  const name = () => `http://provider.test:${port}`;

  test('is judged by its addresses, not by itself', async () => {
    const resolve = async () => [{ address: '127.0.0.1', family: 4 }];
    expect(await dial(name(), { resolve })).toBe('refused');
    expect(dialled).toBe(0);
  });

  test('that has several is called at those that may be called', async () => {
    const resolve = async () => [
      { address: '127.0.0.1', family: 4 },
      { address: '127.0.0.2', family: 4 },
    ];
    const socket = createOutboundGuard({ allow: ['127.0.0.2'], log, resolve }).connect(
      new URL(name()),
    );
    await once(socket, 'connect');
    expect(socket.remoteAddress).toBe('127.0.0.2');
    socket.destroy();
  });

  test('that is led elsewhere later is judged again with each connection', async () => {
    const answers = ['127.0.0.2', '127.0.0.1', '169.254.169.254'];
    const resolve = async () => [{ address: answers.shift() ?? '', family: 4 }];
    const given = { allow: ['127.0.0.2/32'], resolve };
    expect(await dial(name(), given)).toBe('connected');
    expect(await dial(name(), given)).toBe('refused');
    expect(await dial(name(), given)).toBe('refused');
    expect(dialled).toBe(1);
  });

  test('is asked for once for a connection, and what was judged is dialled', async () => {
    let asked = 0;
    const resolve = async () => {
      asked += 1;
      return [{ address: asked === 1 ? '127.0.0.2' : '127.0.0.1', family: 4 }];
    };
    expect(await dial(name(), { allow: ['127.0.0.2'], resolve })).toBe('connected');
    expect(asked).toBe(1);
  });

  test('of the machine itself is known for what it is', () => {
    const guard = createOutboundGuard({ allow: [], log });
    for (const host of ['localhost', 'LOCALHOST.', 'a.localhost']) {
      expect(guard.faultOf(new URL(`http://${host}:1`))).toMatch(/^an address of the machine/);
    }
    expect(guard.faultOf(new URL('http://localhost.example:1'))).toBeUndefined();
  });
});

describe('what the operator allows', () => {
  const allows = (allow: readonly string[], host: string) =>
    createOutboundGuard({ allow, log }).faultOf(new URL(`http://${host}:1`)) === undefined;

  test.each([
    ['loopback', '127.0.0.1', true],
    ['loopback', '[::1]', true],
    ['loopback', '10.0.0.1', false],
    ['loopback', '0.0.0.0', false],
    ['private', '10.0.0.1', true],
    ['private', '192.168.1.1', true],
    ['private', '[fd12::1]', true],
    ['private', '127.0.0.1', false],
    ['private', '169.254.1.1', false],
    ['private', '100.64.0.1', false],
    ['private', '[fd00:ec2::254]', false],
    ['all', '169.254.1.1', true],
    ['all', '169.254.169.254', false],
    ['10.1.0.0/16', '10.1.2.3', true],
    ['10.1.0.0/16', '[::ffff:10.1.2.3]', true],
    ['10.1.0.0/16', '10.2.0.1', false],
    ['169.254.0.0/16', '169.254.1.1', true],
    ['169.254.0.0/16', '169.254.169.254', false],
    ['fc00::/7', '[fd00:ec2::254]', false],
    ['169.254.169.254/32', '169.254.169.254', true],
    ['169.254.169.254', '169.254.169.254', true],
    ['fd00:ec2::254', '[fd00:ec2::254]', true],
  ])('%s: %s is %s', (entry, host, allowed) => {
    expect(allows([entry], host)).toBe(allowed);
  });

  test.each(['127.0.0.1/33', '10.0.0.0/8/8', 'intern', '10.0.0.0/', '010.0.0.1', 'none', ''])(
    'cannot be said with %j',
    (entry) => {
      expect(() => createOutboundGuard({ allow: [entry], log })).toThrow(/WEIR_OUTBOUND_ALLOW/);
    },
  );
});

test('what is refused is counted by its range, and told once', async () => {
  await using stack = new AsyncDisposableStack();
  const metrics = stack.adopt(createMetrics('test'), (one) => one.shutdown());
  const told: object[] = [];
  const watched = Object.assign(Object.create(log), { warn: (line: object) => told.push(line) });
  const guard = createOutboundGuard({ allow: [], log: watched, metrics });
  for (const _ of [1, 2]) {
    const socket = guard.connect(new URL('http://127.0.0.1:1'));
    await expect(once(socket, 'connect')).rejects.toThrow(OutboundRefused);
  }
  expect(await metrics.text()).toMatch(
    /weir_outbound_refused_total\{[^}]*range="loopback"[^}]*\} 2/,
  );
  expect(told).toEqual([{ host: '127.0.0.1', address: '127.0.0.1', range: 'loopback' }]);
});

test('a name is offered to TLS, with the protocols wanted', async () => {
  const hello = Promise.withResolvers<Buffer>();
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', (bytes) => {
      hello.resolve(bytes);
      socket.destroy();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const resolve = async () => [{ address: '127.0.0.1', family: 4 }];
  const guard = createOutboundGuard({ allow: ['loopback'], log, resolve });
  const url = new URL(`https://provider.test:${(server.address() as AddressInfo).port}`);
  const socket = guard.connect(url, { alpn: ['h2'] });
  socket.on('error', () => {});
  const bytes = (await hello.promise).toString('latin1');
  expect(bytes).toContain('provider.test');
  expect(bytes).toContain('\x02h2');
  socket.destroy();
  server.close();
});
