import type { Places } from '../upstream-config.ts';

/** How the connector comes by tokens for an upstream over HTTP. */
export interface OAuthConfig {
  /** Each user signs in, or the connector has a token of its own for all. */
  readonly grant: 'authorization_code' | 'client_credentials';
  /** Whether the operator signs in once for all callers, instead of each user. */
  readonly isShared: boolean;
  /** The authorization server that is believed. Empty: the one that the upstream names. */
  readonly issuer: string;
  /** The client that was registered there. Empty: by a metadata document, or registered by itself. */
  readonly client: string;
  /** A reference to the secret of the client. Empty: it has none. */
  readonly secret: string;
  /** A reference to a private key, as JWK or PKCS#8 with `\n` for line ends, for `private_key_jwt`. */
  readonly key: string;
  /** How the client proves who it is. Empty: as the authorization server says that it may. */
  readonly method: '' | (typeof methods)[number];
  /** The algorithm of the key. */
  readonly algorithm: string;
  /** The address of a Client ID Metadata Document. Empty: the connector's own, if it has one. */
  readonly metadata: string;
  /** What is asked for when neither the upstream nor its metadata says. Empty: nothing. */
  readonly scope: string;
}

const grants = ['authorization_code', 'client_credentials'] as const;
const methods = ['client_secret_basic', 'client_secret_post', 'private_key_jwt', 'none'] as const;
const algorithms = ['ES256', 'ES384', 'ES512', 'RS256', 'PS256', 'EdDSA'] as const;
const names = [
  ...(['grant', 'shared', 'issuer', 'client', 'secret', 'key'] as const),
  ...(['method', 'algorithm', 'metadata', 'scope'] as const),
];
const secretPattern = /^secret:\/\/[\w.-]+$/;
const scopePattern = /^[\x21\x23-\x5b\x5d-\x7e]+( [\x21\x23-\x5b\x5d-\x7e]+)*$/;

/** Reads `http.oauth` of an upstream. Throws SettingsError. */
export function parseOAuth(at: Places, place: string, value: unknown): OAuthConfig {
  const entry = at.map(place, value ?? {}, names);
  const text = (name: (typeof names)[number], otherwise = '') =>
    entry[name] === undefined ? otherwise : at.text(`${place}.${name}`, entry[name]);
  const one = <T extends string>(
    name: (typeof names)[number],
    all: readonly T[],
    found: string,
  ) => {
    const known = all.find((each) => each === found);
    if (known !== undefined) return known;
    throw at.fault(`${place}.${name}`, 'is not known', `use ${all.join(', ')}`);
  };
  const reference = (name: 'secret' | 'key') => {
    const found = text(name);
    if (found === '' || secretPattern.test(found)) return found;
    const mend = 'write secret://name, and the secret into WEIR_SECRETS_FILE';
    throw at.fault(`${place}.${name}`, 'is no reference to a secret', mend);
  };
  const { shared = false } = entry;
  if (typeof shared !== 'boolean') {
    throw at.fault(`${place}.shared`, 'is neither true nor false', 'write one of them');
  }
  const config: OAuthConfig = {
    isShared: shared,
    grant: one('grant', grants, text('grant', 'authorization_code')),
    issuer: text('issuer'),
    client: text('client'),
    secret: reference('secret'),
    key: reference('key'),
    method: one('method', ['', ...methods], text('method')),
    algorithm: one('algorithm', algorithms, text('algorithm', 'ES256')),
    metadata: text('metadata'),
    scope: text('scope'),
  };
  requireWhole(at, place, config);
  return config;
}

/** Credentials go to the authorization server that they are for, and to no other. */
function requireWhole(at: Places, place: string, config: OAuthConfig): void {
  const { grant, issuer, client, secret, key, method, metadata, scope } = config;
  const need = (name: string, mend: string) => at.fault(`${place}.${name}`, 'is missing', mend);
  const hasProof = secret !== '' || key !== '';
  if (grant === 'client_credentials' && !hasProof) {
    throw need('secret', 'give the secret of the client, or key');
  }
  if (grant === 'client_credentials' && config.isShared) {
    throw at.fault(
      `${place}.shared`,
      'is of a grant by which people sign in',
      'remove one of them',
    );
  }
  if (hasProof && client === '') throw need('client', 'name the client that was registered');
  if (hasProof && issuer === '') {
    throw need('issuer', 'name the authorization server that the client was registered with');
  }
  if (secret !== '' && key !== '') {
    throw at.fault(`${place}.key`, 'stands beside secret', 'keep one of them');
  }
  if (key !== '' && !['', 'private_key_jwt'].includes(method)) {
    throw at.fault(`${place}.method`, 'is of a secret', 'write private_key_jwt, or leave it out');
  }
  if (key === '' && method === 'private_key_jwt') throw need('key', 'name the private key');
  requireAddress(at, `${place}.issuer`, issuer, /^https?:$/);
  requireAddress(at, `${place}.metadata`, metadata, /^https:$/);
  if (scope !== '' && !scopePattern.test(scope)) {
    throw at.fault(`${place}.scope`, 'is no scope', 'write names with one space between them');
  }
}

function requireAddress(at: Places, place: string, text: string, protocols: RegExp): void {
  if (text === '') return;
  const parsed = URL.parse(text);
  if (parsed && protocols.test(parsed.protocol) && parsed.username === '') return;
  throw at.fault(place, 'is no address that it can be', 'write it whole, with https');
}
