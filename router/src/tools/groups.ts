import type { JsonObject } from '@bufbuild/protobuf';
import { durationMs } from '@bufbuild/protobuf/wkt';
import { type Caller, refuse } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { OperationKind } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import type { ToolGroup, ToolSetting } from '@weir/sdk/gen/weir/registry/v1/tool_group_pb';
import type { Catalogue } from '../snapshot/catalogue.ts';
import type { Snapshot } from '../snapshot/snapshot.ts';
import type { ToolOffer } from './tool-offers.ts';

/** The tools that a group has, by the names that it gives them. */
export type GroupTools = ReadonlyMap<string, ToolOffer>;

/**
 * The group that a call is made through: that of its key, or the one that it names. Undefined: none.
 * Throws NOT_FOUND, the same where there is none and where the caller may not use it.
 */
export function groupOf(snapshot: Snapshot, caller: Caller, named: string): ToolGroup | undefined {
  const name = caller.group ?? named;
  if (name === '') return undefined;
  const group = snapshot.tenants.get(caller.tenant)?.toolGroups.get(name);
  const isOwn = named === '' || named === name;
  if (group && isOwn && !group.disabled && mayUse(group, caller.attributes)) return group;
  throw noSuchGroup(named || name);
}

/** What those are told of a group who may not know whether there is such a one. */
export function noSuchGroup(name: string) {
  const text = `there is no tool group ${JSON.stringify(name)}, or you may not use it`;
  return refuse(Reason.NOT_FOUND, text);
}

/** Whether somebody of these attributes may use a group. */
export function mayUse({ roles, tiers }: ToolGroup, attributes: JsonObject): boolean {
  const { roles: own, tier } = attributes;
  const hasRole = Array.isArray(own) && own.some((role) => roles.includes(String(role)));
  const hasTier = typeof tier === 'string' && tiers.includes(tier);
  return (roles.length === 0 || hasRole) && (tiers.length === 0 || hasTier);
}

/** What may be done with the key of a group, as permits; calls are bounded by its tools. */
export function permitsOfGroup({ types, without }: ToolGroup): readonly string[] {
  const reading = without?.context
    ? []
    : types.flatMap((type) => [`fetch:${type}`, `list:${type}`]);
  // What is told of changes is decided on by policies, event by event.
  return ['call:*', ...reading, ...(reading.length > 0 ? ['subscribe:*'] : [])];
}

const compiled = new WeakMap<Catalogue, WeakMap<ToolGroup, GroupTools>>();

/** The tools of a group; made once for each state of the group and the catalogue. */
export function toolsOfGroup(catalogue: Catalogue, group: ToolGroup): GroupTools {
  const ofCatalogue = compiled.get(catalogue) ?? new WeakMap<ToolGroup, GroupTools>();
  compiled.set(catalogue, ofCatalogue);
  const known = ofCatalogue.get(group) ?? compile(catalogue, group);
  ofCatalogue.set(group, known);
  return known;
}

function compile({ tools }: Catalogue, group: ToolGroup): GroupTools {
  const wanted = patternOf(group.tools);
  const settings = new Map(group.settings.map((setting) => [setting.tool, setting]));
  const made = new Map<string, ToolOffer>();
  const twice = new Set<string>();
  for (const offer of tools.values()) {
    const setting = settings.get(offer.name);
    if (!wanted.test(offer.name) || setting?.disabled) continue;
    if (group.without?.prompts && offer.kind === OperationKind.PROMPT) continue;
    const tool = toolIn(group, offer, setting);
    if (made.has(tool.name)) twice.add(tool.name);
    made.set(tool.name, tool);
  }
  // Neither may take the other's calls.
  for (const name of twice) made.delete(name);
  return made;
}

/** What the patterns of a group stand for. */
export function patternOf(patterns: readonly string[]): RegExp {
  const escaped = patterns.map((text) =>
    text
      .split('*')
      .map((part) => part.replace(/[.-]/g, '\\$&'))
      .join('[^]*'),
  );
  return new RegExp(patterns.length === 0 ? '^$.' : `^(?:${escaped.join('|')})$`);
}

function toolIn(group: ToolGroup, offer: ToolOffer, setting?: ToolSetting): ToolOffer {
  const { operation, result } = offer;
  const fixed = setting?.arguments;
  const ttl = operation.hints?.readOnly ? setting?.ttl : undefined;
  return {
    ...offer,
    name: group.unprefixed ? operation.name : offer.name,
    timeoutMs: timeoutOf(group, offer, setting),
    ...(fixed && { fixed }),
    ...(ttl && { result: { ...result, ttlMs: durationMs(ttl) } }),
    operation: {
      ...operation,
      title: setting?.title || operation.title,
      description: setting?.description || operation.description,
      ...(fixed && operation.inputSchema && { inputSchema: without(operation.inputSchema, fixed) }),
    },
  };
}

/** What is set for a tool itself may be longer than what it says, what is set for the group may not. */
function timeoutOf({ timeout }: ToolGroup, offer: ToolOffer, setting?: ToolSetting): number {
  if (setting?.timeout) return durationMs(setting.timeout);
  return timeout ? Math.min(offer.timeoutMs, durationMs(timeout)) : offer.timeoutMs;
}

/** A schema of arguments without those that are fixed. */
function without(schema: JsonObject, fixed: JsonObject): JsonObject {
  const { properties, required } = schema;
  const isFree = (name: unknown) => typeof name !== 'string' || !Object.hasOwn(fixed, name);
  return {
    ...schema,
    ...(isObject(properties) && {
      properties: Object.fromEntries(Object.entries(properties).filter(([name]) => isFree(name))),
    }),
    ...(Array.isArray(required) && { required: required.filter(isFree) }),
  };
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
