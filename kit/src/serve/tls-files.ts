import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import { othersMask } from '../secret-file.ts';
import { SettingsError } from '../settings.ts';

/** A file, and the setting that names it. */
export interface NamedFile {
  readonly variable: string;
  readonly path: string;
}

/** The files that a side of TLS is made of. */
export interface TlsFiles {
  /** The certificate in PEM, its own first, then those between it and its authority. */
  readonly cert: NamedFile;
  /** Its private key in PEM, without a password; mode 0600. */
  readonly key: NamedFile;
  /** The authorities of the other side, in PEM. Left out: none, or those of the system. */
  readonly ca?: NamedFile | undefined;
}

/** What the files hold, checked. */
export interface TlsMaterial {
  readonly cert: string;
  readonly key: string;
  readonly ca: string | undefined;
  /** When the certificate expires, in milliseconds of wall time. */
  readonly notAfterMs: number;
}

/** What a certificate is for (RFC 5280, 4.2.1.12). */
export const certificateUses = {
  server: '1.3.6.1.5.5.7.3.1',
  client: '1.3.6.1.5.5.7.3.2',
} as const;

/** What a file may hold at most, in bytes. */
const fileMaxBytes = 1024 * 1024;
const certificatePem = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;

/** What the files hold as they lie there, to be compared. */
export type TlsTexts = Pick<TlsMaterial, 'cert' | 'key' | 'ca'>;

/** Reads the files. Throws SettingsError when one cannot be read, or others can read the key. */
export async function readTlsFiles({ cert, key, ca }: TlsFiles): Promise<TlsTexts> {
  const [certText, keyText, caText] = await Promise.all([
    readText(cert, 0),
    readText(key, othersMask),
    ca && readText(ca, 0),
  ]);
  return { cert: certText, key: keyText, ca: caText };
}

/**
 * Checks that what was read can be used for TLS now. Throws SettingsError, which names the file
 * and says how to mend it.
 */
export function checkTls(
  texts: TlsTexts,
  files: TlsFiles,
  { use, nowMs }: { use: keyof typeof certificateUses; nowMs: number },
): TlsMaterial {
  const [leaf] = certificatesIn(files.cert, texts.cert);
  checkTimes(files.cert, leaf, nowMs);
  const uses = leaf.keyUsage as string[] | undefined;
  if (uses && !uses.includes(certificateUses[use])) {
    throw fault(files.cert, `whose certificate is not made for ${use}s`, `get one for ${use}s`);
  }
  if (!leaf.checkPrivateKey(readKey(files.key, texts.key))) {
    throw fault(
      files.key,
      `whose key does not belong to the certificate in ${files.cert.path}`,
      'give a certificate and its own key',
    );
  }
  if (files.ca) certificatesIn(files.ca, texts.ca ?? '');
  tryOut(files.cert, texts);
  return { ...texts, notAfterMs: leaf.validToDate.getTime() };
}

/** Checks a file of authorities. Throws SettingsError when it holds none. */
export async function checkAuthorities(file: NamedFile): Promise<void> {
  certificatesIn(file, await readText(file, 0));
}

async function readText(file: NamedFile, forbiddenMode: number): Promise<string> {
  try {
    const { mode, size } = await stat(file.path);
    if ((mode & forbiddenMode) !== 0) {
      throw fault(file, 'which others can read', `chmod 600 ${file.path}`);
    }
    if (size > fileMaxBytes) {
      throw fault(file, `which is larger than ${fileMaxBytes} bytes`, 'name another file');
    }
    return await readFile(file.path, 'utf8');
  } catch (error) {
    if (error instanceof SettingsError) throw error;
    const code = (error as NodeJS.ErrnoException).code ?? 'error';
    throw fault(file, `which cannot be read (${code})`, 'create it');
  }
}

function certificatesIn(file: NamedFile, text: string): [X509Certificate, ...X509Certificate[]] {
  try {
    const [first, ...more] = (text.match(certificatePem) ?? []).map(
      (pem) => new X509Certificate(pem),
    );
    if (first) return [first, ...more];
  } catch {
    // Said below: what is wrong with the encoding helps nobody.
  }
  throw fault(file, 'which holds no certificate in PEM', 'write certificates there, in PEM');
}

function checkTimes(file: NamedFile, leaf: X509Certificate, nowMs: number): void {
  const { validFromDate, validToDate } = leaf;
  if (validToDate.getTime() <= nowMs) {
    throw fault(file, `whose certificate expired at ${validToDate.toISOString()}`, 'renew it');
  }
  if (validFromDate.getTime() > nowMs) {
    const from = validFromDate.toISOString();
    throw fault(file, `whose certificate is valid from ${from} on only`, 'check the clock');
  }
}

function readKey(file: NamedFile, text: string): KeyObject {
  try {
    return createPrivateKey(text);
  } catch {
    throw fault(
      file,
      'which holds no private key in PEM that can be read without a password',
      'write the key there, unencrypted, with mode 0600',
    );
  }
}

/** The library of TLS has demands of its own, such as the length of keys. */
function tryOut(file: NamedFile, { cert, key, ca }: TlsTexts): void {
  try {
    createSecureContext({ cert, key, ...(ca !== undefined && { ca }), minVersion: 'TLSv1.3' });
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'error';
    throw fault(file, `which cannot be used for TLS (${code})`, 'make another certificate');
  }
}

function fault({ variable, path }: NamedFile, what: string, mend: string): SettingsError {
  return new SettingsError(variable, `names ${path}, ${what}`, mend);
}
