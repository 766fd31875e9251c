import type { Caller, Clock, PeerCertificate } from '@weir/kit';
import {
  type CertificateIdentity,
  type Principal,
  Scope,
} from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import type { Snapshot } from '../snapshot/snapshot.ts';
import { noAttributes } from './keys.ts';
import { unknownCertificate } from './refusals.ts';

/** Schemes are the same in capitals (RFC 3986, 3.1); names that are registered have none. */
const spiffeScheme = /^spiffe:/i;

/** The caller that a verified client certificate stands for. Throws CREDENTIAL_INVALID. */
export function callerOfCertificate(
  snapshot: Snapshot,
  certificate: PeerCertificate,
  clock: Clock,
): Caller {
  const identity = identityOf(snapshot, certificate);
  const principal = identity && principalOfCertificate(snapshot, identity);
  // A connection can outlive the certificate that it was opened with.
  if (!principal || certificate.notAfterMs <= clock.wallMs()) throw unknownCertificate();
  return {
    tenant: identity.tenant,
    principal: identity.principal,
    consumer: identity.consumer,
    keyId: identity.name,
    authentication: 'certificate',
    permits: identity.permits,
    network: '',
    scopes: new Set(identity.scopes.length > 0 ? identity.scopes : [Scope.READ]),
    attributes: principal.attributes ?? noAttributes,
    expireMs: certificate.notAfterMs,
    basis: identity,
  };
}

/** The principal of a certificate; undefined when there is none that may call. */
export function principalOfCertificate(
  snapshot: Snapshot,
  { tenant, principal: name }: CertificateIdentity,
): Principal | undefined {
  const principal = snapshot.tenants.get(tenant)?.principals.get(name);
  return principal?.disabled ? undefined : principal;
}

/**
 * A certificate with a SPIFFE ID is known by it alone, and holds one URI and no other, as the
 * standard of X.509-SVIDs asks; any other one is known by its subject.
 */
function identityOf(
  { credentials }: Snapshot,
  { uris, subject }: PeerCertificate,
): CertificateIdentity | undefined {
  if (!uris.some((uri) => spiffeScheme.test(uri))) {
    return subject === '' ? undefined : credentials.certificatesBySubject.get(subject);
  }
  const [id = '', more] = uris;
  return more === undefined ? credentials.certificatesBySpiffeId.get(id) : undefined;
}
