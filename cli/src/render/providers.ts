import { SensitivitySchema } from '@weir/sdk/gen/weir/context/v1/context_pb';
import {
  CacheScopeSchema,
  type ContextOffer,
  type Endpoint,
  EndpointHealth,
  EndpointHealthSchema,
  EndpointKindSchema,
  type Provider,
} from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { enumText } from './names.ts';
import { type Part, renderPart, section } from './part.ts';
import { renderFields, renderTable, type Screen } from './table.ts';
import { indent } from './text.ts';
import { formatDuration, formatTime } from './time.ts';

/** Renders a list of providers. */
export function renderProviders(part: Part<Provider>, screen: Screen): string {
  const columns = [
    { title: 'name' },
    { title: 'version' },
    { title: 'types', shrinks: true },
    { title: 'endpoints' },
    { title: 'title', shrinks: true },
    { title: 'tags', shrinks: true },
  ];
  const rows = part.items.map(({ manifest, endpoints }) => [
    manifest?.name ?? '',
    manifest?.version ?? '',
    [...new Set(manifest?.contexts.map((offer) => offer.type))].join(', '),
    healthText(endpoints),
    manifest?.title ?? '',
    manifest?.tags.join(', ') ?? '',
  ]);
  return renderPart({ columns, rows, more: part.more, noun: 'provider' }, screen);
}

/** Renders all about a provider. */
export function renderProvider(provider: Provider, screen: Screen): string {
  const { manifest, endpoints } = provider;
  const fields = renderFields(
    [
      ['provider', `${manifest?.name}@${manifest?.version}`],
      ['title', manifest?.title ?? ''],
      ['description', manifest?.description ?? ''],
      ['category', manifest?.category ?? ''],
      ['tags', manifest?.tags.join(', ') ?? ''],
      ['owner', manifest?.owner ?? ''],
      ['tenant', provider.tenant],
      ['weight', manifest?.weight === undefined ? '' : String(manifest.weight)],
      ['timeout', manifest?.timeout === undefined ? '' : formatDuration(manifest.timeout)],
      ['watched', watchText(provider)],
      ['registered', formatTime(provider.createTime)],
      ['changed', formatTime(provider.updateTime)],
      ['etag', provider.etag],
    ],
    screen,
  );
  const offers = section('types', renderOffers(manifest?.contexts ?? [], screen), screen);
  const addresses =
    endpoints.length === 0 ? '  none\n' : indent(renderEndpoints(endpoints, screen), '  ');
  return `${fields}${offers}${section('endpoints', addresses, screen)}`;
}

/** Empty: it tells nothing by itself. */
function watchText({ manifest, watch }: Provider): string {
  if (!manifest?.watch) return '';
  const by = watch?.holder ? `by ${watch.holder}` : 'by no router at present';
  return watch?.moveTime ? `${by}; it last told something ${formatTime(watch.moveTime)}` : by;
}

function renderOffers(offers: readonly ContextOffer[], screen: Screen): string {
  const columns = [
    { title: 'type' },
    { title: 'version' },
    { title: 'keys', shrinks: true },
    { title: 'ttl' },
    { title: 'stale' },
    { title: 'scope' },
    { title: 'sensitivity' },
    { title: 'listable' },
  ];
  const rows = offers.map((offer) => [
    offer.type,
    offer.version,
    offer.keyPrefix === '' ? 'any' : `${offer.keyPrefix}…`,
    offer.ttl === undefined ? 'not cached' : formatDuration(offer.ttl),
    offer.staleWhileRevalidate === undefined ? '' : formatDuration(offer.staleWhileRevalidate),
    enumText(CacheScopeSchema, offer.scope),
    enumText(SensitivitySchema, offer.sensitivity),
    offer.listable ? 'yes' : 'no',
  ]);
  return indent(renderTable(columns, rows, screen), '  ');
}

function renderEndpoints(endpoints: readonly Endpoint[], screen: Screen): string {
  const columns = [
    { title: 'id' },
    { title: 'health' },
    { title: 'since' },
    { title: 'known by' },
    { title: 'registered by' },
    { title: 'weight', right: true },
    { title: 'address', shrinks: true },
  ];
  const rows = endpoints.map((endpoint) => [
    endpoint.id,
    enumText(EndpointHealthSchema, endpoint.health) || 'unknown',
    formatTime(endpoint.healthTime),
    enumText(EndpointKindSchema, endpoint.kind),
    endpoint.registrar,
    String(endpoint.weight),
    endpoint.url,
  ]);
  return renderTable(columns, rows, screen);
}

function healthText(endpoints: readonly Endpoint[]): string {
  if (endpoints.length === 0) return 'none';
  const up = endpoints.filter(
    ({ health }) => health === EndpointHealth.UP || health === EndpointHealth.UNSPECIFIED,
  );
  return `${up.length} of ${endpoints.length} up`;
}
