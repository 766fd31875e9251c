import type { CertificateIdentity, Issuer } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import type { SnapshotEntry } from '@weir/sdk/gen/weir/registry/v1/watch_pb';

/** Whose tokens and certificates are believed, of all tenants. */
export interface Credentials {
  /** By tenant and name. */
  readonly issuers: ReadonlyMap<string, Issuer>;
  /** By URL and audience. */
  readonly issuersByAudience: ReadonlyMap<string, Issuer>;
  /** By tenant and name. */
  readonly certificates: ReadonlyMap<string, CertificateIdentity>;
  readonly certificatesBySpiffeId: ReadonlyMap<string, CertificateIdentity>;
  readonly certificatesBySubject: ReadonlyMap<string, CertificateIdentity>;
}

/** Joins parts of which none holds a control character. */
export const pairOf = (one: string, other: string): string => `${one}\n${other}`;

/** Nobody is believed. */
export const noCredentials: Credentials = {
  issuers: new Map(),
  issuersByAudience: new Map(),
  certificates: new Map(),
  certificatesBySpiffeId: new Map(),
  certificatesBySubject: new Map(),
};

/** Indexes what entries say of credentials. */
export function indexCredentials(
  entries: ReadonlyMap<string, ReadonlyMap<string, SnapshotEntry>>,
): Credentials {
  const issuers = new Map<string, Issuer>();
  const issuersByAudience = createClaims<Issuer>();
  const certificates = new Map<string, CertificateIdentity>();
  const bySpiffeId = createClaims<CertificateIdentity>();
  const bySubject = createClaims<CertificateIdentity>();
  for (const own of entries.values()) {
    for (const { body } of own.values()) {
      if (body.case === 'issuer') {
        const issuer = body.value;
        issuers.set(pairOf(issuer.tenant, issuer.name), issuer);
        for (const audience of new Set(issuer.audiences)) {
          issuersByAudience.claim(pairOf(issuer.url, audience), issuer);
        }
      } else if (body.case === 'certificate') {
        const { tenant, name, match } = body.value;
        certificates.set(pairOf(tenant, name), body.value);
        if (match.case === 'spiffeId') bySpiffeId.claim(match.value, body.value);
        if (match.case === 'subject') bySubject.claim(match.value, body.value);
      }
    }
  }
  return {
    ...{ issuers, certificates, issuersByAudience: issuersByAudience.undisputed },
    certificatesBySpiffeId: bySpiffeId.undisputed,
    certificatesBySubject: bySubject.undisputed,
  };
}

/** What two claim belongs to neither; the registry does not let it come to that. */
function createClaims<T>() {
  const undisputed = new Map<string, T>();
  const disputed = new Set<string>();
  return {
    undisputed,
    claim(key: string, value: T) {
      if (undisputed.delete(key) || disputed.has(key)) disputed.add(key);
      else undisputed.set(key, value);
    },
  };
}
