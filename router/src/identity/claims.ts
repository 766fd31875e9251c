import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import { readPermit } from '@weir/kit';
import { type Issuer, Scope } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import type { JWTPayload } from 'jose';
import { noAttributes } from './keys.ts';
import { unusableToken } from './refusals.ts';
import { weigh } from './weight.ts';

/** What a token lets do. */
export interface Granted {
  readonly scopes: ReadonlySet<Scope>;
  readonly permits: readonly string[];
}

const principalPattern = /^[a-z0-9\-_.@:]{1,127}$/;
const attributesMaxBytes = 16 * 1024;
/** Objects and lists within each other in them. */
const attributesMaxDepth = 32;
const permitsMax = 100;
const tenantGroup = 'tenant:';
const scopePrefix = 'weir:';
const scopeNames: ReadonlyMap<string, Scope> = new Map([
  ['weir:read', Scope.READ],
  ['weir:call', Scope.CALL],
  ['weir:register', Scope.REGISTER],
  ['weir:admin', Scope.ADMIN],
]);
/** Lists of texts, which issuers with one entry often write as a text. */
const listAttributes: ReadonlySet<string> = new Set(['roles', 'groups']);

/** The name of the principal that a token is for. Throws CREDENTIAL_INVALID. */
export function principalIn(claims: JWTPayload, issuer: Issuer): string {
  const claim = issuer.principalClaim || 'sub';
  const value = claimAt(claims, claim);
  const name = `${issuer.principalPrefix}${typeof value === 'string' ? value : ''}`;
  if (typeof value === 'string' && value !== '' && principalPattern.test(name)) return name;
  throw unusableToken(`its claim ${JSON.stringify(claim)} does not make the name of a principal`);
}

/** The attributes that a token brings, and the registry's, which go before them. */
export function merged(brought: JsonObject, own: JsonObject | undefined): JsonObject {
  const all = { ...brought, ...own };
  return Object.keys(all).length === 0 ? noAttributes : all;
}

/** The attributes that a token brings. Throws CREDENTIAL_INVALID when they are too large or deep. */
export function attributesIn(claims: JWTPayload, issuer: Issuer): JsonObject {
  const attributes: JsonObject = {};
  for (const [attribute, claim] of Object.entries(issuer.attributeClaims)) {
    const value = claimAt(claims, claim);
    if (value === undefined) continue;
    const single = listAttributes.has(attribute) && typeof value === 'string';
    const whole = single ? [value] : value;
    define(attributes, attribute, attribute === 'groups' ? withoutTenants(whole) : whole);
  }
  if (weigh(attributes).depth > attributesMaxDepth) {
    throw unusableToken(`its attributes have more than ${attributesMaxDepth} levels`);
  }
  if (Buffer.byteLength(JSON.stringify(attributes)) <= attributesMaxBytes) return attributes;
  throw unusableToken(`its attributes are larger than ${attributesMaxBytes / 1024} KiB`);
}

/** What each scope that permits narrow down is about. */
const permitted: ReadonlyMap<Scope, readonly string[]> = new Map([
  [Scope.READ, ['fetch', 'list', 'subscribe']],
  [Scope.CALL, ['call']],
]);

/**
 * What a token may be used for: the scopes that it names, of those that its issuer may give.
 * Permits narrow reading and calling down, unless it may read or call everything.
 */
export function grantedBy(claims: JWTPayload, issuer: Issuer): Granted {
  const most = new Set(issuer.scopes.length > 0 ? issuer.scopes : [Scope.READ]);
  const named = scopeTexts(claims).filter((text) => text.startsWith(scopePrefix));
  const scopes = new Set<Scope>();
  for (const text of named) {
    const scope = scopeNames.get(text);
    if (scope !== undefined && most.has(scope)) scopes.add(scope);
  }
  const told = named.map((text) => text.slice(scopePrefix.length));
  const permits = told.filter((text) => readPermit(text) !== undefined);
  const narrowed: string[] = [];
  let isNarrowed = false;
  for (const [scope, actions] of permitted) {
    const own = permits.filter((text) => {
      const action = readPermit(text)?.action ?? '';
      return action === '*' || actions.includes(action);
    });
    if (scopes.has(scope)) narrowed.push(...actions.map((action) => `${action}:*`));
    else if (own.length > 0 && most.has(scope)) {
      scopes.add(scope);
      narrowed.push(...own);
      isNarrowed = true;
    }
  }
  if (!isNarrowed) return { scopes, permits: [] };
  const kept = [...new Set(narrowed)];
  if (kept.length > permitsMax) throw unusableToken(`it names over ${permitsMax} permits`);
  return { scopes, permits: kept };
}

/** "scope" is a text with blanks (RFC 8693, 4.2); some issuers write "scp", also as a list. */
function scopeTexts({ scope, scp }: JWTPayload): string[] {
  return [scope, scp].flatMap((value) => {
    if (typeof value === 'string') return value.split(' ');
    return Array.isArray(value) ? value.filter((one) => typeof one === 'string') : [];
  });
}

/** A claim by its own name, such as "https://example.org/roles", or else by its path. */
function claimAt(claims: JWTPayload, path: string): JsonValue | undefined {
  if (Object.hasOwn(claims, path)) return claims[path] as JsonValue;
  let value: unknown = claims;
  for (const name of path.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name))
      return undefined;
    value = Reflect.get(value, name);
  }
  return value as JsonValue;
}

/** Groups such as "tenant:acme" are those of other tenants' callers: no issuer puts anybody there. */
function withoutTenants(groups: JsonValue): JsonValue {
  if (!Array.isArray(groups)) return groups;
  return groups.filter((group) => typeof group !== 'string' || !group.startsWith(tenantGroup));
}

/** Also where the name is one that means something else to an assignment. */
function define(object: JsonObject, name: string, value: JsonValue): void {
  Object.defineProperty(object, name, { value, enumerable: true, configurable: true });
}
