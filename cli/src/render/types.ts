import { CompatibilitySchema, type ContextType } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { enumText } from './names.ts';
import { type Part, renderPart, section } from './part.ts';
import { renderFields, type Screen } from './table.ts';
import { indent, safeText } from './text.ts';
import { formatTime } from './time.ts';

/** Renders a list of context types. */
export function renderTypes(part: Part<ContextType>, screen: Screen): string {
  const columns = [
    { title: 'name' },
    { title: 'version' },
    { title: 'owner' },
    { title: 'compatibility' },
    { title: 'title', shrinks: true },
    { title: 'tags', shrinks: true },
  ];
  const rows = part.items.map(({ manifest, tenant }) => [
    manifest?.name ?? '',
    manifest?.version ?? '',
    ownerOfType(tenant),
    enumText(CompatibilitySchema, manifest?.compatibility ?? 0),
    manifest?.title ?? '',
    manifest?.tags.join(', ') ?? '',
  ]);
  return renderPart({ columns, rows, more: part.more, noun: 'type' }, screen);
}

/** Renders all about a context type. */
export function renderType(type: ContextType, screen: Screen): string {
  const { manifest } = type;
  const fields = renderFields(
    [
      ['type', `${manifest?.name}@${manifest?.version}`],
      ['title', manifest?.title ?? ''],
      ['description', manifest?.description ?? ''],
      ['tags', manifest?.tags.join(', ') ?? ''],
      ['owner', ownerOfType(type.tenant)],
      ['compatibility', enumText(CompatibilitySchema, manifest?.compatibility ?? 0)],
      ['published', formatTime(type.createTime)],
    ],
    screen,
  );
  const schema = safeText(JSON.stringify(manifest?.schema ?? {}, undefined, 2));
  return `${fields}${section('schema', `${indent(schema, '  ')}\n`, screen)}`;
}

function ownerOfType(tenant: string): string {
  return tenant === '' ? 'built in' : tenant;
}
