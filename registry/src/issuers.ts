import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { parseName } from '@weir/kit';
import { type Issuer, IssuerSchema, Scope } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { requireCallableUrl } from './addresses.ts';
import type { Core } from './core.ts';
import { etagOf } from './etag.ts';
import { parseScopes } from './grants.ts';
import { hashOf } from './manifest/canonical.ts';
import { malformed } from './refusals.ts';

const URL_CHARS_MAX = 2048;
const AUDIENCES_MAX = 16;
const AUDIENCE_CHARS_MAX = 512;
const CLAIM_CHARS_MAX = 256;
const ATTRIBUTES_MAX = 32;
const PREFIX = /^[a-z0-9\-_.@:]{0,64}$/;
const ATTRIBUTE = /^[a-z][A-Za-z0-9_]{0,62}$/;
/** Signatures that only the issuer can make: nothing with a shared secret, and not "none". */
const ALGORITHMS = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  ...['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'],
];

/** Reads an issuer as it shall be. Throws MALFORMED_REQUEST or INVALID_NAME naming the field. */
export function parseIssuer(core: Core, given: Issuer, tenant: string): Issuer {
  const scopes = parseScopes('issuer.scopes', given.scopes);
  if (scopes.includes(Scope.PLATFORM)) {
    throw malformed('issuer.scopes', 'a token never administers the platform; use a key');
  }
  return create(IssuerSchema, {
    tenant,
    name: parseName('issuer.name', given.name),
    url: parseUrl(core, given.url),
    audiences: parseAudiences(given.audiences),
    principalClaim: parseClaim('issuer.principal_claim', given.principalClaim),
    principalPrefix: parsePrefix(given.principalPrefix),
    attributeClaims: parseAttributeClaims(given.attributeClaims),
    scopes,
    algorithms: parseAlgorithms(given.algorithms),
    consumer: given.consumer === '' ? '' : parseName('issuer.consumer', given.consumer),
    createTime: timestampFromMs(core.clock.wallMs()),
  });
}

/** An issuer with the etag of its content. */
export function withIssuerEtag(issuer: Issuer): Issuer {
  return { ...issuer, etag: etagOf(hashOf(IssuerSchema, { ...issuer, etag: '' })) };
}

/** The text stays as it is: tokens hold it so, character by character. */
function parseUrl({ outbound }: Core, text: string): string {
  const field = 'issuer.url';
  const url = text.length <= URL_CHARS_MAX ? URL.parse(text) : null;
  if (!url || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
    throw malformed(field, 'is not the URL of an issuer; write https://…, as its tokens do');
  }
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
    throw malformed(field, 'holds a user, a query or a fragment; leave them out');
  }
  requireCallableUrl(outbound, field, url);
  return text;
}

function parseAudiences(audiences: readonly string[]): string[] {
  const field = 'issuer.audiences';
  if (audiences.length === 0) {
    throw malformed(
      field,
      'there is none; name what its tokens carry in "aud" when they are for Weir',
    );
  }
  if (audiences.length > AUDIENCES_MAX) throw malformed(field, `more than ${AUDIENCES_MAX}`);
  audiences.forEach((audience, index) => {
    parseText(`${field}[${index}]`, audience, AUDIENCE_CHARS_MAX);
    if (audience === '') throw malformed(`${field}[${index}]`, 'is empty; leave it out');
  });
  return [...new Set(audiences)];
}

function parseClaim(field: string, claim: string): string {
  return parseText(field, claim, CLAIM_CHARS_MAX);
}

function parsePrefix(prefix: string): string {
  if (PREFIX.test(prefix)) return prefix;
  const mend = 'use up to 64 of a-z, 0-9, "-", "_", ".", "@" and ":"';
  throw malformed('issuer.principal_prefix', `cannot begin the name of a principal; ${mend}`);
}

function parseAttributeClaims(claims: Readonly<Record<string, string>>): Record<string, string> {
  const field = 'issuer.attribute_claims';
  const entries = Object.entries(claims);
  if (entries.length > ATTRIBUTES_MAX) throw malformed(field, `more than ${ATTRIBUTES_MAX}`);
  for (const [attribute, claim] of entries) {
    if (!ATTRIBUTE.test(attribute)) {
      const shown = JSON.stringify(attribute.slice(0, 80)).toWellFormed();
      throw malformed(field, `${shown} is not the name of an attribute; use a-z, A-Z, 0-9 and "_"`);
    }
    parseClaim(`${field}.${attribute}`, claim);
    if (claim === '') throw malformed(`${field}.${attribute}`, 'names no claim; name one');
  }
  return Object.fromEntries(entries);
}

function parseAlgorithms(algorithms: readonly string[]): string[] {
  algorithms.forEach((algorithm, index) => {
    if (ALGORITHMS.includes(algorithm)) return;
    const field = `issuer.algorithms[${index}]`;
    throw malformed(field, `is not one that is believed; use ${ALGORITHMS.join(', ')}`);
  });
  return [...new Set(algorithms)];
}

function parseText(field: string, text: string, max: number): string {
  if (text.length > max) throw malformed(field, `longer than ${max} characters; shorten it`);
  if (/\p{Cc}/u.test(text) || !text.isWellFormed()) {
    throw malformed(field, 'holds a control character or half a surrogate pair; leave it out');
  }
  return text;
}
