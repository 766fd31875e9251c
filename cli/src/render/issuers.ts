import type { CertificateIdentity, Issuer } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { scopeText } from '../options.ts';
import { type Part, renderPart } from './part.ts';
import type { Screen } from './table.ts';
import { formatTime } from './time.ts';

/** Renders a list of issuers. */
export function renderIssuers(part: Part<Issuer>, screen: Screen): string {
  const columns = [
    { title: 'name' },
    { title: 'url', shrinks: true },
    { title: 'audiences', shrinks: true },
    { title: 'principal' },
    { title: 'scopes' },
    { title: 'created' },
  ];
  const rows = part.items.map((issuer) => [
    issuer.name,
    issuer.url,
    issuer.audiences.join(', '),
    `${issuer.principalPrefix}<${issuer.principalClaim || 'sub'}>`,
    issuer.scopes.map(scopeText).join(', '),
    formatTime(issuer.createTime),
  ]);
  return renderPart({ columns, rows, more: part.more, noun: 'issuer' }, screen);
}

/** Renders a list of certificates. */
export function renderCertificates(part: Part<CertificateIdentity>, screen: Screen): string {
  const columns = [
    { title: 'name' },
    { title: 'certificate', shrinks: true },
    { title: 'principal', shrinks: true },
    { title: 'consumer' },
    { title: 'scopes' },
    { title: 'permits', shrinks: true },
  ];
  const rows = part.items.map((certificate) => [
    certificate.name,
    certificate.match.value ?? '',
    certificate.principal,
    certificate.consumer,
    certificate.scopes.map(scopeText).join(', '),
    certificate.permits.join(', '),
  ]);
  return renderPart({ columns, rows, more: part.more, noun: 'certificate' }, screen);
}
