import { type ConnectionOptions, connect } from 'node:tls';
import { openTestAuthority, type TestAuthority } from '@weir/kit/testing/certificates';
import { afterAll, beforeAll, expect } from 'vitest';
import { attack, attacks } from './attack.ts';
import { openWorld, type World } from './world.ts';

// A router that speaks TLS, and takes certificates of one authority only.

let world: World;
let authority: TestAuthority;
let foreign: TestAuthority;

beforeAll(async () => {
  authority = await openTestAuthority();
  foreign = await openTestAuthority('Another authority');
  const { certFile, keyFile } = await authority.issue();
  world = await openWorld({
    env: {
      WEIR_TLS_CERT_FILE: certFile,
      WEIR_TLS_KEY_FILE: keyFile,
      WEIR_TLS_CLIENT_CERT: 'require',
      WEIR_TLS_CLIENT_CA_FILE: authority.caFile,
    },
  });
});

afterAll(async () => {
  await world[Symbol.asyncDispose]();
  await authority[Symbol.asyncDispose]();
  await foreign[Symbol.asyncDispose]();
});

type Given = Pick<ConnectionOptions, 'cert' | 'key' | 'maxVersion' | 'minVersion' | 'ciphers'>;

/** Says the beginning of HTTP/2, and returns whether anything is said in return. */
async function isLetIn(given: Given): Promise<boolean> {
  const socket = connect({
    port: Number(new URL(world.url).port),
    host: '127.0.0.1',
    servername: 'localhost',
    ca: authority.ca,
    ALPNProtocols: ['h2'],
    ...given,
  });
  // With TLS 1.3 a client learns only afterwards that its certificate was not taken.
  socket.on('secureConnect', () => {
    socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0', 'latin1');
  });
  return new Promise((resolve) => {
    socket.once('data', () => resolve(true));
    socket.once('error', () => resolve(false));
    socket.once('close', () => resolve(false));
  }).finally(() => socket.destroy()) as Promise<boolean>;
}

const past = ['20200101000000Z', '20200201000000Z'] as const;
const future = ['20990101000000Z', '20990201000000Z'] as const;

attack('weak-tls', 'a sound certificate is let in, so that the others can be told', async () => {
  expect(await isLetIn(await authority.issue({ use: 'clientAuth' }))).toBe(true);
});

attacks(
  'weak-tls',
  {
    'TLS 1.2': { maxVersion: 'TLSv1.2' },
    'TLS 1.1': { maxVersion: 'TLSv1.1', minVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0' },
  } as const,
  async (given) => {
    const { cert, key } = await authority.issue({ use: 'clientAuth' });
    expect(await isLetIn({ cert, key, ...given })).toBe(false);
  },
);

const certificates: Record<string, () => Promise<Given>> = {
  'no certificate': async () => ({}),
  'one that is expired': () => authority.issue({ use: 'clientAuth', dates: past }),
  'one of the future': () => authority.issue({ use: 'clientAuth', dates: future }),
  'one of another authority': () => foreign.issue({ use: 'clientAuth' }),
  'one for servers': () => authority.issue({ use: 'serverAuth' }),
  'the authority of another name': async () => ({
    cert: foreign.ca,
    key: (await foreign.issue()).key,
  }),
};

attacks('weak-tls', certificates, async (issue) => {
  const { cert, key } = await issue();
  const shown = { ...(cert && { cert }), ...(key && { key }) };
  expect(await isLetIn(shown).catch(() => false)).toBe(false);
});

attack('weak-tls', 'clear text, where TLS is spoken', async () => {
  const answer = await fetch(world.url.replace('https:', 'http:')).catch(() => undefined);
  expect(answer?.ok ?? false).toBe(false);
});
