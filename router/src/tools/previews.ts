import type { MessageInitShape } from '@bufbuild/protobuf';
import type { Caller } from '@weir/kit';
import type { ToolGroup } from '@weir/sdk/gen/weir/registry/v1/tool_group_pb';
import type { PreviewedContextSchema } from '@weir/sdk/gen/weir/tools/v1/tools_pb';
import { createAuthority } from '../authorise.ts';
import { type Catalogue, compareText } from '../snapshot/catalogue.ts';
import type { Snapshot } from '../snapshot/snapshot.ts';
import { mayUse, patternOf, toolsOfGroup } from './groups.ts';
import type { KnownTool, ToolDeps } from './tools.ts';

const REMARKS_MAX = 100;
const NAMES_MAX = 5;

/** The types of context that a group has, by provider, as far as policies let its caller fetch of them. */
export function contextsIn(
  { holder, clock }: Pick<ToolDeps, 'holder' | 'clock'>,
  acting: Caller,
  group: ToolGroup,
): MessageInitShape<typeof PreviewedContextSchema>[] {
  const snapshot = holder.current;
  const authority = createAuthority(snapshot, acting, { purpose: '', nowMs: clock.wallMs() });
  const offers = [...(snapshot.tenants.get(group.tenant)?.catalogue.offers ?? [])];
  return offers
    .sort(([a], [b]) => compareText(a, b))
    .flatMap(([type, each]) => {
      const access = authority.access('fetch', type);
      if (!access.visible) return [];
      return each
        .filter(({ provider }) => access.decide(provider, '').effect !== 'deny')
        .map(({ provider, listable, templates }) => ({
          ...{ type, provider: provider.name, providerVersion: provider.version },
          ...{ listable, templates: [...templates] },
        }));
    });
}

/** What of a group may not be as it was meant. */
export function remarksOn(
  { tenants }: Snapshot,
  acting: Caller,
  { group, known }: { readonly group: ToolGroup; readonly known: readonly KnownTool[] },
): string[] {
  const catalogue = tenants.get(group.tenant)?.catalogue;
  const { disabled, name } = group;
  const remarks = [
    ...(disabled ? [`tool group ${name} is switched off: its keys let nobody in`] : []),
    ...(mayUse(group, acting.attributes)
      ? []
      : [`${acting.principal} has none of the roles and tiers that the group asks for`]),
    ...(catalogue ? [...onNames(catalogue, group), ...onHidden(catalogue, group, known)] : []),
  ];
  return remarks.slice(0, REMARKS_MAX);
}

function onNames({ tools }: Catalogue, group: ToolGroup): string[] {
  const names = [...tools.keys()];
  const unknown = group.settings.filter(({ tool }) => !tools.has(tool));
  return [
    ...group.tools.flatMap((pattern) => {
      const fits = patternOf([pattern]);
      return names.some((each) => fits.test(each)) ? [] : [`no tool has the name ${pattern}`];
    }),
    ...unknown.map(({ tool }) => `something is set for ${tool}, and no tool has that name`),
  ];
}

/** Tools that stand in the group and cannot be called. */
function onHidden(catalogue: Catalogue, group: ToolGroup, known: readonly KnownTool[]): string[] {
  const inGroup = toolsOfGroup(catalogue, group);
  const seen = new Set(known.map(({ offer }) => offer.name));
  const hidden = [...inGroup.keys()].filter((each) => !seen.has(each));
  const prefixed = group.unprefixed
    ? toolsOfGroup(catalogue, { ...group, unprefixed: false })
    : inGroup;
  const clashing = prefixed.size - inGroup.size;
  return [
    ...(hidden.length > 0 ? [`policies hide ${hidden.length} tools of it: ${some(hidden)}`] : []),
    ...(clashing > 0
      ? [`${clashing} tools are left out, for others have the same name without a prefix`]
      : []),
  ];
}

function some(names: readonly string[]): string {
  const more = names.length - NAMES_MAX;
  return `${names.slice(0, NAMES_MAX).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}
