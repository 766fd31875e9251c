// The decorators of @peculiar/x509 need it before that is loaded.
import 'reflect-metadata';
import { KeyObject, type webcrypto } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as x509 from '@peculiar/x509';

/** A certificate and its key, as files. */
export interface TestCertificate {
  readonly certFile: string;
  /** Only its owner can read it. */
  readonly keyFile: string;
  /** What the files hold, in PEM. */
  readonly cert: string;
  readonly key: string;
}

/** What a certificate is to say. */
export interface TestCertificateOptions {
  /** One slash before each part, such as "/O=Example/CN=agent-a". Default: "/CN=localhost". */
  readonly subject?: string;
  /**
   * Subject alternative names of the kinds DNS, IP and URI, between commas; a comma inside of a
   * name is written as "\,". Default: "DNS:localhost,IP:127.0.0.1".
   */
  readonly names?: string;
  /** What it may be used for. Default: "serverAuth". */
  readonly use?: 'serverAuth' | 'clientAuth' | 'serverAuth,clientAuth';
  /** From when and until when it is valid, as "20200101000000Z". Default: now, for a day. */
  readonly dates?: readonly [from: string, to: string];
}

/** An authority that signs certificates, in a temporary folder that goes with it. */
export interface TestAuthority extends AsyncDisposable {
  readonly folder: string;
  readonly caFile: string;
  /** Its certificate, in PEM. */
  readonly ca: string;
  issue(options?: TestCertificateOptions): Promise<TestCertificate>;
}

interface Issuer {
  readonly certificate: x509.X509Certificate;
  readonly keys: webcrypto.CryptoKeyPair;
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const dayMs = 24 * 60 * 60 * 1000;

/** Opens an authority; its keys and those that it certifies are ECDSA on P-256. For tests and trials. */
export async function openTestAuthority(name = 'Test authority'): Promise<TestAuthority> {
  const issuer = await createIssuer(name);
  const folder = await mkdtemp(join(tmpdir(), 'weir-certificates-'));
  const ca = issuer.certificate.toString('pem');
  const caFile = join(folder, 'ca.pem');
  await writeFile(caFile, ca);
  let count = 0;
  return {
    ...{ folder, caFile, ca },
    async issue(options = {}) {
      const keys = await newKeys();
      const cert = (await sign(issuer, keys.publicKey, options)).toString('pem');
      const key = pemOf(keys.privateKey);
      const base = join(folder, `certificate-${++count}`);
      const [certFile, keyFile] = [`${base}.pem`, `${base}.key`];
      await Promise.all([writeFile(certFile, cert), writeFile(keyFile, key, { mode: 0o600 })]);
      return { certFile, keyFile, cert, key };
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

async function createIssuer(name: string): Promise<Issuer> {
  const keys = await newKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    ...{ keys, name: nameOf(`/CN=${name}`), signingAlgorithm: algorithm },
    ...datesOf(2 * dayMs),
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificate, keys };
}

async function sign(
  { certificate, keys }: Issuer,
  publicKey: webcrypto.CryptoKey,
  options: TestCertificateOptions,
): Promise<x509.X509Certificate> {
  const { subject = '/CN=localhost', names = 'DNS:localhost,IP:127.0.0.1' } = options;
  const uses = (options.use ?? 'serverAuth').split(',') as (keyof typeof x509.ExtendedKeyUsage)[];
  return x509.X509CertificateGenerator.create({
    ...{ publicKey, subject: nameOf(subject), issuer: certificate.subjectName },
    ...{ signingKey: keys.privateKey, signingAlgorithm: algorithm },
    ...datesOf(dayMs, options.dates),
    extensions: [
      new x509.SubjectAlternativeNameExtension(alternativesOf(names)),
      new x509.ExtendedKeyUsageExtension(uses.map((use) => x509.ExtendedKeyUsage[use])),
      await x509.AuthorityKeyIdentifierExtension.create(keys.publicKey),
      await x509.SubjectKeyIdentifierExtension.create(publicKey),
    ],
  });
}

async function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
}

function pemOf(key: webcrypto.CryptoKey): string {
  return KeyObject.from(key).export({ type: 'pkcs8', format: 'pem' }).toString();
}

function nameOf(subject: string): x509.Name {
  const parts = subject.split('/').slice(1);
  return new x509.Name(
    parts.map((part) => {
      const [type = '', ...value] = part.split('=');
      // Under its type, a text stands as it is: the library would read quotes in a bare one.
      return { [type]: [{ utf8String: value.join('=') }] };
    }),
  );
}

const kinds: Record<string, x509.GeneralNameType> = { DNS: 'dns', IP: 'ip', URI: 'url' };

function alternativesOf(names: string): x509.JsonGeneralNames {
  return names.split(/(?<!\\),/).map((name) => {
    const [kind = '', ...value] = name.split(':');
    const type = kinds[kind];
    if (!type) throw new TypeError(`${name} is of no known kind; write DNS:, IP: or URI:`);
    return { type, value: value.join(':').replaceAll('\\,', ',') };
  });
}

function datesOf(forMs: number, dates?: TestCertificateOptions['dates']) {
  const [notBefore, notAfter] = dates?.map(dateOf) ?? [];
  const now = Date.now();
  return {
    notBefore: notBefore ?? new Date(now),
    notAfter: notAfter ?? new Date(now + forMs),
  };
}

// GeneralizedTime, as certificates have it: RFC 5280, section 4.1.2.5.2.
function dateOf(text: string): Date {
  const iso = text.replace(/^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z');
  return new Date(iso);
}
