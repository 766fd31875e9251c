import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import type { StoredOAuthClientInformation, StoredOAuthTokens } from '@modelcontextprotocol/client';
import { type Logger, readSecretFile } from '@weir/kit';
import { replaceFile } from '../state-file.ts';
import { upstreamsVariable } from '../upstream-config.ts';

/** Whose tokens they are: with empty tenant and principal the connector's own. */
export interface Holder {
  /** The upstream's one name in the connector. */
  readonly upstream: string;
  /** Its address: tokens for one are never sent to another. */
  readonly url: string;
  readonly tenant: string;
  readonly principal: string;
}

/** Tokens of an authorization server, which they name as their issuer. */
export interface HeldTokens {
  readonly tokens: StoredOAuthTokens;
  /** The scope that was asked for when they were given. */
  readonly asked: string;
  /** The client that was registered for them. Undefined: the one of the operator's file. */
  readonly client?: HeldClient | undefined;
}

/** A client that an authorization server knows the connector as. */
export interface HeldClient {
  readonly information: StoredOAuthClientInformation;
  /** Where it sends users back to. */
  readonly redirectUrl: string;
}

/** The tokens of the connector: a file that holds them under a key beside it. */
export interface TokenFile extends AsyncDisposable {
  tokens(holder: Holder): HeldTokens | undefined;
  /** Keeps tokens, or forgets them; resolves once that is on the disk. */
  keepTokens(holder: Holder, held: HeldTokens | undefined): Promise<void>;
  client(upstream: string, url: string, issuer: string): HeldClient | undefined;
  keepClient(
    at: Pick<Holder, 'upstream' | 'url'> & { readonly issuer: string },
    held: HeldClient | undefined,
  ): Promise<void>;
  /** Forgets all of an upstream, or all but what is of one address. */
  drop(upstream: string, exceptUrl?: string): void;
}

/** How many tokens of users are kept; those that were given longest ago go. */
export const heldTokensMax = 5_000;
const cipherName = 'aes-256-gcm';
const keyBytes = 32;
const nonceBytes = 12;
const tagBytes = 16;
const purpose = Buffer.from('weir upstream tokens v1');

/** Where the tokens lie, and the key that they are under. */
export function tokenFilesOf(upstreamsFile: string) {
  const path = `${upstreamsFile.replace(/\.ya?ml$/, '')}.tokens`;
  return { path, keyPath: `${path}.key` };
}

/** Opens the tokens; makes a key when there is none. Throws when they are not under that key. */
export function openTokenFile(upstreamsFile: string, log: Logger): TokenFile {
  const { path, keyPath } = tokenFilesOf(upstreamsFile);
  const key = ensureKey(keyPath);
  const { tokens, clients } = read(path, key);
  let writing: Promise<void> = Promise.resolve();

  function write(): Promise<void> {
    const text = JSON.stringify({ tokens: [...tokens], clients: [...clients] });
    writing = writing
      .then(() => replaceFile(path, seal(text, key)))
      .catch((error: unknown) => {
        log.error({ error }, `tokens cannot be written to ${path}`);
      });
    return writing;
  }

  function put<T>(map: Map<string, T>, name: string, value: T | undefined): Promise<void> {
    // In the order in which they were given.
    const wasThere = map.delete(name);
    if (value !== undefined) map.set(name, value);
    const [oldest] = map.keys();
    if (map.size > heldTokensMax && oldest !== undefined) map.delete(oldest);
    return wasThere || value !== undefined ? write() : writing;
  }

  return {
    tokens: (holder) => tokens.get(nameOf(holder)),
    keepTokens: (holder, held) => put(tokens, nameOf(holder), held),
    client: (upstream, url, issuer) => clients.get(JSON.stringify([upstream, url, issuer])),
    keepClient: ({ upstream, url, issuer }, held) =>
      put(clients, JSON.stringify([upstream, url, issuer]), held),
    drop(upstream, exceptUrl) {
      let isChanged = false;
      for (const map of [tokens, clients]) {
        for (const name of map.keys()) {
          const [of, url] = JSON.parse(name) as string[];
          if (of === upstream && url !== exceptUrl) isChanged = map.delete(name) || isChanged;
        }
      }
      if (isChanged) void write();
    },
    [Symbol.asyncDispose]: () => writing,
  };
}

function nameOf({ upstream, url, tenant, principal }: Holder): string {
  return JSON.stringify([upstream, url, tenant, principal]);
}

function ensureKey(path: string): Buffer {
  try {
    const text = `${randomBytes(keyBytes).toString('base64url')}\n`;
    writeFileSync(path, text, { flag: 'wx', mode: 0o600 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  const key = Buffer.from(readSecretFile(upstreamsVariable, path), 'base64url');
  if (key.length === keyBytes) return key;
  throw new Error(`${path} holds no key; remove it and the tokens beside it, and sign in again`);
}

function read(path: string, key: Buffer) {
  const nothing = { tokens: new Map<string, HeldTokens>(), clients: new Map<string, HeldClient>() };
  let sealed: Buffer;
  try {
    sealed = readFileSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return nothing;
    throw error;
  }
  const text = unseal(Buffer.from(sealed.toString('latin1').trim(), 'base64'), key);
  if (text === undefined) {
    throw new Error(`${path} is not under the key beside it; remove both, and sign in again`);
  }
  const { tokens, clients } = JSON.parse(text) as {
    tokens: [string, HeldTokens][];
    clients: [string, HeldClient][];
  };
  return { tokens: new Map(tokens), clients: new Map(clients) };
}

function seal(text: string, key: Buffer): string {
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv(cipherName, key, nonce).setAAD(purpose);
  const sealed = Buffer.concat([nonce, cipher.update(text, 'utf8'), cipher.final()]);
  return `${Buffer.concat([sealed, cipher.getAuthTag()]).toString('base64')}\n`;
}

function unseal(sealed: Buffer, key: Buffer): string | undefined {
  if (sealed.length < nonceBytes + tagBytes) return undefined;
  const end = sealed.length - tagBytes;
  try {
    const decipher = createDecipheriv(cipherName, key, sealed.subarray(0, nonceBytes))
      .setAAD(purpose)
      .setAuthTag(sealed.subarray(end));
    return (
      decipher.update(sealed.subarray(nonceBytes, end), undefined, 'utf8') + decipher.final('utf8')
    );
  } catch {
    return undefined;
  }
}
