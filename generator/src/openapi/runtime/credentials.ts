import { Code, ProviderError } from '@weir/sdk/provider';
import type { Secrets } from './secrets.ts';
import { variableOf } from './secrets.ts';
import type { Incoming, Outgoing } from './send.ts';

/** A way to tell an API who calls. The secret itself is never here, only its reference. */
export type CredentialSpec = { readonly secret: string } & (
  | { readonly kind: 'apiKey'; readonly in: 'header' | 'query' | 'cookie'; readonly name: string }
  /** The secret is `user:password`. */
  | { readonly kind: 'basic' }
  /** The secret is the token. */
  | { readonly kind: 'bearer' }
  /** The secret is `client:secret`, for which a token is got. */
  | {
      readonly kind: 'clientCredentials';
      /** Where tokens are; or where an OpenID provider says where. */
      readonly tokenUrl: string;
      readonly isDiscovery?: boolean | undefined;
      readonly scopes: readonly string[];
    }
);

/** What is added to a request. */
export interface Applied {
  readonly headers: Readonly<Record<string, string>>;
  /** Pairs of the query, as they stand in a URL. */
  readonly query: readonly string[];
  readonly cookies: readonly string[];
  /** The references that were used, for errors. */
  readonly references: readonly string[];
  /** Forgets the tokens that were used, since they were refused. */
  forget(): void;
}

/** Adds credentials to requests. */
export interface Credentials {
  /**
   * What to add for one of the sets: the first of which every secret is known.
   *
   * @throws {ProviderError} when there is none, naming the secrets of the first; and when no token
   *   can be got.
   */
  apply(sets: readonly (readonly string[])[], signal: AbortSignal): Promise<Applied>;
}

/** What credentials need. */
export interface CredentialsOptions {
  readonly specs: Readonly<Record<string, CredentialSpec>>;
  readonly secrets: Secrets;
  /** Sends the requests for tokens. They serve many callers, so it bounds their time by itself. */
  readonly send: (outgoing: Outgoing) => Promise<Incoming>;
}

/** A token, or the request for it, which all wait for who need it. */
interface HeldToken {
  readonly token: Promise<string>;
  /** Until when it is used, in ms since 1970; without end while it is awaited. */
  until: number;
}

const nothing: Applied = { headers: {}, query: [], cookies: [], references: [], forget() {} };
/** A token is not used any more so long before it ends. */
const tokenMarginMs = 30_000;
const tokenDefaultMs = 300_000;
const tokenMaxMs = 24 * 3_600_000;

/** Creates what adds credentials. */
export function createCredentials({ specs, secrets, send }: CredentialsOptions): Credentials {
  const tokens = new Map<string, HeldToken>();
  const drop = (name: string, held: HeldToken) => {
    // Another may have taken its place since.
    if (tokens.get(name) === held) tokens.delete(name);
  };
  const tokenOf = (name: string, spec: ClientCredentials, secret: string): HeldToken => {
    const known = tokens.get(name);
    if (known && known.until > Date.now()) return known;
    const held: HeldToken = {
      token: getToken({ spec, secret, send }).then(({ token, until }) => {
        held.until = until;
        return token;
      }),
      until: Infinity,
    };
    tokens.set(name, held);
    held.token.catch(() => drop(name, held));
    return held;
  };
  const applyOne = async (name: string, signal: AbortSignal): Promise<Applied> => {
    const spec = specs[name];
    const secret = spec && secrets(spec.secret);
    if (!spec || secret === undefined) return nothing;
    const own = { ...nothing, references: [spec.secret] };
    switch (spec.kind) {
      case 'apiKey':
        return { ...own, ...placed(spec.in, spec.name, secret) };
      case 'basic': {
        const encoded = Buffer.from(secret).toString('base64');
        return { ...own, headers: { authorization: `Basic ${encoded}` } };
      }
      case 'bearer':
        return { ...own, headers: { authorization: `Bearer ${secret}` } };
      case 'clientCredentials': {
        const held = tokenOf(name, spec, secret);
        const headers = { authorization: `Bearer ${await within(signal, held.token)}` };
        return { ...own, headers, forget: () => drop(name, held) };
      }
      default:
        return spec satisfies never;
    }
  };
  const isKnown = (name: string): boolean => {
    const spec = specs[name];
    return spec !== undefined && secrets(spec.secret) !== undefined;
  };
  return {
    async apply(sets, signal) {
      if (sets.length === 0) return nothing;
      const chosen = sets.find((names) => names.length > 0 && names.every(isKnown));
      if (!chosen && sets.some((names) => names.length === 0)) return nothing;
      if (!chosen) throw missing((sets[0] ?? []).flatMap((name) => specs[name]?.secret ?? []));
      const applied = await Promise.all(chosen.map((name) => applyOne(name, signal)));
      return {
        headers: Object.assign({}, ...applied.map(({ headers }) => headers)),
        query: applied.flatMap(({ query }) => query),
        cookies: applied.flatMap(({ cookies }) => cookies),
        references: applied.flatMap(({ references }) => references),
        forget() {
          for (const each of applied) each.forget();
        },
      };
    },
  };
}

/** What a promise comes to, unless the signal aborts before; what others wait for goes on. */
async function within<T>(signal: AbortSignal, promise: Promise<T>): Promise<T> {
  signal.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const onAbort = () => aborted.reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

type ClientCredentials = Extract<CredentialSpec, { kind: 'clientCredentials' }>;

function placed(
  where: 'header' | 'query' | 'cookie',
  name: string,
  secret: string,
): Partial<Applied> {
  const pair = `${encodeURIComponent(name)}=${encodeURIComponent(secret)}`;
  if (where === 'header') return { headers: { [name.toLowerCase()]: secret } };
  return where === 'query' ? { query: [pair] } : { cookies: [pair] };
}

function missing(references: readonly string[]): ProviderError {
  const named = references
    .map((each) => `${each} (or the variable ${variableOf(each)})`)
    .join(', ');
  return new ProviderError(
    Code.FailedPrecondition,
    `the provider has no credential for the API: set ${named}`,
  );
}

async function getToken(asked: {
  readonly spec: ClientCredentials;
  readonly secret: string;
  readonly send: CredentialsOptions['send'];
}): Promise<{ token: string; until: number }> {
  const { spec, secret, send } = asked;
  const url = spec.isDiscovery ? await discover(spec, send) : new URL(spec.tokenUrl);
  const body = new URLSearchParams({ grant_type: 'client_credentials' });
  if (spec.scopes.length > 0) body.set('scope', spec.scopes.join(' '));
  const headers = {
    accept: 'application/json',
    authorization: `Basic ${Buffer.from(secret).toString('base64')}`,
    'content-type': 'application/x-www-form-urlencoded',
  };
  const answer = await send({ method: 'POST', url, headers, body: body.toString() });
  const { access_token: token, expires_in: seconds } = readJson(answer);
  if (answer.status !== 200 || typeof token !== 'string') {
    const text = `no token was given for ${spec.secret} (status ${answer.status})`;
    throw new ProviderError(Code.FailedPrecondition, text);
  }
  const toldMs = typeof seconds === 'number' ? seconds * 1_000 : tokenDefaultMs;
  const lastsMs = Math.min(toldMs, tokenMaxMs);
  return { token, until: Date.now() + Math.max(0, lastsMs - tokenMarginMs) };
}

async function discover(spec: ClientCredentials, send: CredentialsOptions['send']): Promise<URL> {
  const headers = { accept: 'application/json' };
  const answer = await send({ method: 'GET', url: new URL(spec.tokenUrl), headers });
  const url = URL.parse(String(readJson(answer).token_endpoint));
  if (url) return url;
  const text = 'the OpenID provider of the API names no place for tokens';
  throw new ProviderError(Code.FailedPrecondition, text);
}

function readJson({ body }: Incoming): Record<string, unknown> {
  try {
    return Object(JSON.parse(Buffer.from(body).toString('utf8')));
  } catch {
    return {};
  }
}
