import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { parseName, parsePrincipalName } from '@weir/kit';
import {
  type CertificateIdentity,
  CertificateIdentitySchema,
} from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import type { Core } from './core.ts';
import { parsePermits, parseScopes } from './grants.ts';
import { malformed } from './refusals.ts';

const SUBJECT_CHARS_MAX = 1024;
const SPIFFE_ID_BYTES_MAX = 2048;
/** A trust domain and a path without empty segments, as the SPIFFE standard has them. */
const SPIFFE_ID = /^spiffe:\/\/[a-z0-9._-]{1,255}(\/[A-Za-z0-9._-]+)+$/;

/** Reads whose a certificate shall be. Throws MALFORMED_REQUEST or INVALID_NAME naming the field. */
export function parseCertificate(
  { clock }: Pick<Core, 'clock'>,
  given: CertificateIdentity,
  tenant: string,
): CertificateIdentity {
  const scopes = parseScopes('certificate.scopes', given.scopes);
  const { consumer } = given;
  return create(CertificateIdentitySchema, {
    tenant,
    name: parseName('certificate.name', given.name),
    match: parseMatch(given.match),
    principal: parsePrincipalName('certificate.principal', given.principal),
    consumer: consumer === '' ? '' : parseName('certificate.consumer', consumer),
    scopes,
    permits: parsePermits('certificate.permits', given.permits, scopes),
    createTime: timestampFromMs(clock.wallMs()),
  });
}

function parseMatch(match: CertificateIdentity['match']): CertificateIdentity['match'] {
  switch (match.case) {
    case 'spiffeId':
      requireSpiffeId('certificate.spiffe_id', match.value);
      return match;
    case 'subject':
      requireSubject('certificate.subject', match.value);
      return match;
    case undefined:
      throw malformed('certificate.match', 'is missing; give a SPIFFE ID or a subject');
    default:
      return match satisfies never;
  }
}

function requireSpiffeId(field: string, id: string): void {
  const dots = id.split('/').some((segment) => segment === '.' || segment === '..');
  if (id.length <= SPIFFE_ID_BYTES_MAX && SPIFFE_ID.test(id) && !dots) return;
  throw malformed(field, 'is not a SPIFFE ID; write it as spiffe://example.org/agent/a');
}

function requireSubject(field: string, subject: string): void {
  const isLine = subject !== '' && !/\p{Cc}/u.test(subject) && subject.isWellFormed();
  if (isLine && subject.length <= SUBJECT_CHARS_MAX && subject.includes('=')) return;
  throw malformed(
    field,
    'is not a subject on one line; write it as openssl x509 -noout -subject -nameopt RFC2253 does',
  );
}
