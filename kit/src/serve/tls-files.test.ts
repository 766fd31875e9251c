import { execFile } from 'node:child_process';
import { createPrivateKey } from 'node:crypto';
import { once } from 'node:events';
import { chmod, copyFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { systemClock } from '../clock.ts';
import {
  openTestAuthority,
  type TestAuthority,
  type TestCertificate,
} from '../testing/certificates.ts';
import { silentLog } from './test-server.ts';
import { openServerTls, tlsServerSettings } from './tls-settings.ts';

let authority: TestAuthority;
let good: TestCertificate;
beforeAll(async () => {
  authority = await openTestAuthority();
  good = await authority.issue();
});
afterAll(() => authority[Symbol.asyncDispose]());

const settings = tlsServerSettings('WEIR_TLS', 'callers');
type Values = Parameters<typeof openServerTls>[1];
const open = (values: Values) =>
  openServerTls(settings, values, { clock: systemClock, log: silentLog() });
const pair = () => ({ tlsCertFile: good.certFile, tlsKeyFile: good.keyFile });

async function written(name: string, text: string): Promise<string> {
  const path = join(authority.folder, name);
  await writeFile(path, text, { mode: 0o600 });
  return path;
}

const wrong: Record<string, [() => Values | Promise<Values>, RegExp]> = {
  'a certificate without a key': [
    () => ({ tlsCertFile: good.certFile }),
    /^WEIR_TLS_CERT_FILE is set without WEIR_TLS_KEY_FILE; set both, or neither$/,
  ],
  'a key without a certificate': [
    () => ({ tlsKeyFile: good.keyFile }),
    /^WEIR_TLS_KEY_FILE is set without WEIR_TLS_CERT_FILE/,
  ],
  'client certificates without their authorities': [
    () => ({ ...pair(), tlsClientCert: 'require' }),
    /^WEIR_TLS_CLIENT_CERT is set without WEIR_TLS_CLIENT_CA_FILE/,
  ],
  'authorities that nobody is asked for': [
    () => ({ ...pair(), tlsClientCaFile: authority.caFile }),
    /^WEIR_TLS_CLIENT_CA_FILE is set without WEIR_TLS_CLIENT_CERT/,
  ],
  'client certificates without TLS': [
    () => ({ tlsClientCert: 'require', tlsClientCaFile: authority.caFile }),
    /^WEIR_TLS_CLIENT_CA_FILE is set without WEIR_TLS_CERT_FILE/,
  ],
  'certificates that must be shown, on a port that takes clear text': [
    () => ({
      ...{ ...pair(), tlsClientCaFile: authority.caFile },
      ...{ tlsClientCert: 'require', tlsClearText: true },
    }),
    /^WEIR_TLS_CLEAR_TEXT is true, while WEIR_TLS_CLIENT_CERT is require/,
  ],
  'a file that is not there': [
    () => ({ ...pair(), tlsCertFile: '/nowhere.pem' }),
    /^WEIR_TLS_CERT_FILE names \/nowhere.pem, which cannot be read \(ENOENT\); create it$/,
  ],
  'no PEM': [
    async () => ({ ...pair(), tlsCertFile: await written('text.pem', 'hello') }),
    /^WEIR_TLS_CERT_FILE names .*, which holds no certificate in PEM/,
  ],
  'broken PEM': [
    async () => ({ ...pair(), tlsCertFile: await written('cut.pem', cut(good.cert)) }),
    /^WEIR_TLS_CERT_FILE names .*, which holds no certificate in PEM/,
  ],
  'a key that others can read': [
    async () => {
      const path = join(authority.folder, 'open.key');
      await copyFile(good.keyFile, path);
      await chmod(path, 0o644);
      return { ...pair(), tlsKeyFile: path };
    },
    /^WEIR_TLS_KEY_FILE names .*, which others can read; chmod 600 /,
  ],
  'a key that is none': [
    async () => ({ ...pair(), tlsKeyFile: await written('none.key', 'hello') }),
    /^WEIR_TLS_KEY_FILE names .*, which holds no private key in PEM/,
  ],
  'a key with a password': [
    async () => ({ ...pair(), tlsKeyFile: await written('locked.key', locked(good.key)) }),
    /^WEIR_TLS_KEY_FILE names .*, which holds no private key .* without a password/,
  ],
  'the key of another certificate': [
    async () => ({ ...pair(), tlsKeyFile: (await authority.issue()).keyFile }),
    /^WEIR_TLS_KEY_FILE names .*, whose key does not belong to the certificate in /,
  ],
  'an expired certificate': [
    async () => {
      const old = await authority.issue({ dates: ['20200101000000Z', '20200102000000Z'] });
      return { tlsCertFile: old.certFile, tlsKeyFile: old.keyFile };
    },
    /^WEIR_TLS_CERT_FILE names .*, whose certificate expired at 2020-01-02T00:00:00.000Z; renew it$/,
  ],
  'a certificate of the future': [
    async () => {
      const early = await authority.issue({ dates: ['20900101000000Z', '20910101000000Z'] });
      return { tlsCertFile: early.certFile, tlsKeyFile: early.keyFile };
    },
    /^WEIR_TLS_CERT_FILE names .*, whose certificate is valid from 2090-01-01/,
  ],
  'a certificate of a client': [
    async () => {
      const client = await authority.issue({ use: 'clientAuth' });
      return { tlsCertFile: client.certFile, tlsKeyFile: client.keyFile };
    },
    /^WEIR_TLS_CERT_FILE names .*, whose certificate is not made for servers/,
  ],
};

it.each(Object.keys(wrong))('%s is refused with one sentence', async (name) => {
  const [values, text] = wrong[name] ?? [];
  if (!values || !text) return;
  await expect(open(await values())).rejects.toThrow(text);
});

it('nothing set is clear text', async () => {
  expect(await open({})).toBeUndefined();
});

it('a process with a wrong certificate ends with 2 before it listens', async () => {
  const kit = new URL('../index.ts', import.meta.url).href;
  const script = `
    import { createLogger, openServerTls, runMain, systemClock, tlsServerSettings } from ${JSON.stringify(kit)};
    const values = { tlsCertFile: process.env.CERT, tlsKeyFile: process.env.KEY };
    const log = createLogger({ name: 'test', level: 'silent' });
    await runMain(() => openServerTls(tlsServerSettings('WEIR_TLS', 'callers'), values, { clock: systemClock, log }));`;
  const other = await authority.issue();
  const child = execFile(process.execPath, ['--input-type=module', '--eval', script], {
    env: { PATH: process.env.PATH, CERT: good.certFile, KEY: other.keyFile },
  });
  let told = '';
  child.stderr?.on('data', (chunk) => {
    told += chunk;
  });
  const [code] = await once(child, 'close');
  expect(code).toBe(2);
  expect(told).toMatch(/^weir: WEIR_TLS_KEY_FILE names [^\n]*\n$/);
});

function cut(pem: string): string {
  const lines = pem.split('\n');
  return [...lines.slice(0, 3), ...lines.slice(5)].join('\n');
}

function locked(pem: string): string {
  const password = { cipher: 'aes-256-cbc', passphrase: 'secret' };
  return createPrivateKey(pem)
    .export({ type: 'pkcs8', format: 'pem', ...password })
    .toString();
}
