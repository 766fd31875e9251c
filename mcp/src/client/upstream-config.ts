import { SettingsError } from '@weir/kit';
import { parse } from 'yaml';
import { type OAuthConfig, parseOAuth } from './oauth/oauth-config.ts';

/** An MCP server that becomes a provider, as the operator's file has it. */
export interface UpstreamConfig {
  /** The name of the provider. */
  readonly name: string;
  /** The tenant whose provider it is. Empty: that of the connector's own key. */
  readonly tenant: string;
  readonly transport: StdioConfig | HttpConfig;
  /** The time for one call, in ms. */
  readonly timeoutMs: number;
  readonly isEnabled: boolean;
  /** Definitions that were looked at and found good: hashes by the names of tools and prompts. */
  readonly approved: Readonly<Record<string, string>>;
}

/** A process of this machine, spoken to over its standard input and output. */
export interface StdioConfig {
  readonly kind: 'stdio';
  readonly command: string;
  readonly args: readonly string[];
  /** Besides a few harmless ones of the connector's own; values may be references to secrets. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string | undefined;
}

/** A server reached over Streamable HTTP. */
export interface HttpConfig {
  readonly kind: 'http';
  readonly url: string;
  /** A reference such as `secret://crm-token`. Empty: no token is sent. */
  readonly bearer: string;
  /** How the connector comes by tokens. Undefined: it does not. */
  readonly oauth: OAuthConfig | undefined;
}

/** The setting that names the operator's file. */
export const upstreamsVariable = 'WEIR_UPSTREAMS_FILE';
/** What a file of upstreams may hold. */
export const upstreamsMax = 200;
const argsMax = 100;
const textMaxChars = 4096;
const defaultTimeoutMs = 30_000;
const timeoutMaxMs = 600_000;
const namePattern = /^[a-z][a-z0-9-]{0,62}$/;
const secretPattern = /^secret:\/\/[\w.-]+$/;
const hashPattern = /^[0-9a-f]{64}$/;
const durationPattern = /^(\d{1,9})(ms|s|m)$/;
const durationUnits: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000 };

/** The one name of an upstream in the connector: names are unique in a tenant only. */
export function idOf({ tenant, name }: Pick<UpstreamConfig, 'tenant' | 'name'>): string {
  return tenant === '' ? name : `${tenant}/${name}`;
}

/** Whether each user has to sign in. */
export function isForUsers({ transport }: UpstreamConfig): boolean {
  if (transport.kind !== 'http' || !transport.oauth) return false;
  return transport.oauth.grant === 'authorization_code' && !transport.oauth.isShared;
}

/** Reads the operator's file. Throws SettingsError, which names the place and says how to mend it. */
export function parseUpstreams(path: string, text: string): UpstreamConfig[] {
  const document = readYaml(path, text);
  const at = createPlaces(path);
  const entries = at.list('upstreams', at.map('the file', document, ['upstreams']).upstreams);
  if (entries.length > upstreamsMax) {
    throw at.fault('upstreams', `has more than ${upstreamsMax} entries`, 'remove some');
  }
  const upstreams = entries.map((entry, i) => parseUpstream(at, `upstreams[${i}]`, entry));
  const seen = new Set<string>();
  upstreams.forEach((upstream, i) => {
    if (seen.has(idOf(upstream))) {
      throw at.fault(`upstreams[${i}].name`, `"${upstream.name}" stands above`, 'keep one');
    }
    seen.add(idOf(upstream));
  });
  return upstreams;
}

function readYaml(path: string, text: string): unknown {
  try {
    return parse(text, { maxAliasCount: 0 }) ?? {};
  } catch (error) {
    const [line = ''] = (error as Error).message.split('\n');
    throw new SettingsError(
      upstreamsVariable,
      `names ${path}, which is no YAML: ${line}`,
      'mend it',
    );
  }
}

const fields = ['name', 'tenant', 'stdio', 'http', 'timeout', 'enabled', 'approved'] as const;

function parseUpstream(at: Places, place: string, value: unknown): UpstreamConfig {
  const entry = at.map(place, value, fields);
  const name = at.text(`${place}.name`, entry.name);
  if (!namePattern.test(name)) {
    throw at.fault(`${place}.name`, 'is no name', 'use 1 to 63 of a-z, 0-9 and "-" after a letter');
  }
  const tenant = entry.tenant === undefined ? '' : at.text(`${place}.tenant`, entry.tenant);
  if (tenant !== '' && !namePattern.test(tenant)) {
    throw at.fault(`${place}.tenant`, 'is no name of a tenant', 'write one, or leave it out');
  }
  const { enabled = true } = entry;
  if (typeof enabled !== 'boolean') {
    throw at.fault(`${place}.enabled`, 'is neither true nor false', 'write one of them');
  }
  return {
    ...{ name, tenant, isEnabled: enabled },
    transport: parseTransport(at, place, entry),
    timeoutMs: parseTimeout(at, `${place}.timeout`, entry.timeout),
    approved: parseApproved(at, `${place}.approved`, entry.approved),
  };
}

function parseTransport(
  at: Places,
  place: string,
  { stdio, http }: Readonly<Record<string, unknown>>,
): StdioConfig | HttpConfig {
  if ((stdio === undefined) === (http === undefined)) {
    throw at.fault(place, 'has neither stdio nor http, or both', 'write one of them');
  }
  return stdio === undefined
    ? parseHttp(at, `${place}.http`, http)
    : parseStdio(at, `${place}.stdio`, stdio);
}

function parseStdio(at: Places, place: string, value: unknown): StdioConfig {
  const { command, args, env, cwd } = at.map(place, value, ['command', 'args', 'env', 'cwd']);
  const words = at.list(`${place}.args`, args ?? []);
  if (words.length > argsMax) {
    throw at.fault(`${place}.args`, `has more than ${argsMax} entries`, 'shorten it');
  }
  const variables = Object.entries(at.map(`${place}.env`, env ?? {}));
  return {
    kind: 'stdio',
    command: at.text(`${place}.command`, command),
    args: words.map((word, i) => at.text(`${place}.args[${i}]`, word, { mayBeEmpty: true })),
    env: Object.fromEntries(
      variables.map(([name, text]) => [
        name,
        at.text(`${place}.env.${name}`, text, { mayBeEmpty: true }),
      ]),
    ),
    cwd: cwd === undefined ? undefined : at.text(`${place}.cwd`, cwd),
  };
}

function parseHttp(at: Places, place: string, value: unknown): HttpConfig {
  const { url, bearer = '', oauth } = at.map(place, value, ['url', 'bearer', 'oauth']);
  const parsed = URL.parse(at.text(`${place}.url`, url));
  if (!parsed || !/^https?:$/.test(parsed.protocol)) {
    throw at.fault(`${place}.url`, 'is no http or https URL', 'write it whole');
  }
  if (parsed.username !== '' || parsed.password !== '') {
    throw at.fault(`${place}.url`, 'holds user info', 'give the token as bearer: secret://name');
  }
  if (bearer !== '' && !(typeof bearer === 'string' && secretPattern.test(bearer))) {
    const mend = 'write secret://name, and the secret into WEIR_SECRETS_FILE';
    throw at.fault(`${place}.bearer`, 'is no reference to a secret', mend);
  }
  if (bearer !== '' && oauth !== undefined) {
    throw at.fault(`${place}.oauth`, 'stands beside bearer', 'keep one of them');
  }
  return {
    ...{ kind: 'http', url: parsed.href, bearer: String(bearer) },
    oauth: oauth === undefined ? undefined : parseOAuth(at, `${place}.oauth`, oauth),
  };
}

function parseTimeout(at: Places, place: string, value: unknown): number {
  if (value === undefined) return defaultTimeoutMs;
  const [, count, unit] = durationPattern.exec(String(value)) ?? [];
  const ms = Number(count) * (durationUnits[unit ?? ''] ?? Number.NaN);
  if (ms >= 1 && ms <= timeoutMaxMs) return ms;
  throw at.fault(place, 'is no time up to 10 minutes', 'write it like 500ms, 30s or 2m');
}

function parseApproved(
  at: Places,
  place: string,
  value: unknown,
): Readonly<Record<string, string>> {
  const approved = at.map(place, value ?? {});
  for (const [name, hash] of Object.entries(approved)) {
    if (typeof hash === 'string' && hashPattern.test(hash)) continue;
    throw at.fault(`${place}.${name}`, 'is no hash', 'use `weir upstream approve`');
  }
  return approved as Record<string, string>;
}

/** What reads a part of the file, and names the place of a fault. */
export interface Places {
  fault(place: string, what: string, mend: string): SettingsError;
  map(place: string, value: unknown, known?: readonly string[]): Readonly<Record<string, unknown>>;
  list(place: string, value: unknown): readonly unknown[];
  text(place: string, value: unknown, more?: { readonly mayBeEmpty?: boolean }): string;
}

function createPlaces(path: string): Places {
  const fault = (place: string, what: string, mend: string) =>
    new SettingsError(upstreamsVariable, `names ${path}: ${place} ${what}`, mend);
  return {
    fault,
    map(place, value, known) {
      if (typeof value !== 'object' || value === null || Array.isArray(value)) {
        throw fault(place, 'is no map', 'write names and values');
      }
      const unknown = Object.keys(value).find((name) => known && !known.includes(name));
      if (unknown === undefined) return value as Record<string, unknown>;
      throw fault(`${place}.${unknown}`, 'is not known', `use ${known?.join(', ')}`);
    },
    list(place, value) {
      if (value === undefined || value === null) return [];
      if (Array.isArray(value)) return value;
      throw fault(place, 'is no list', 'write one');
    },
    text(place, value, { mayBeEmpty = false } = {}) {
      if (typeof value !== 'string' || (value === '' && !mayBeEmpty)) {
        throw fault(place, 'is no text', 'write one, in quotes where YAML reads it otherwise');
      }
      if (value.length <= textMaxChars && !value.includes('\0')) return value;
      throw fault(place, `is longer than ${textMaxChars} characters`, 'shorten it');
    },
  };
}
