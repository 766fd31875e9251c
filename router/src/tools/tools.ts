import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import { type Caller, type Clock, refuse } from '@weir/kit';
import { canonicalJson, type ItemFacts, type Verdict } from '@weir/policy';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import type { ToolGroup } from '@weir/sdk/gen/weir/registry/v1/tool_group_pb';
import { type Access, type Circumstances, createAuthority } from '../authorise.ts';
import type { MemoryCache } from '../gather/memory-cache.ts';
import type { Limits } from '../limits/limits.ts';
import type { Redactions } from '../redactions.ts';
import type { SnapshotHolder } from '../snapshot/holder.ts';
import type { Upstream } from '../upstream/upstream.ts';
import type { ArgumentChecks } from './argument-checks.ts';
import { groupOf, toolsOfGroup } from './groups.ts';
import type { ToolOffer } from './tool-offers.ts';
import type { ToolStates } from './tool-states.ts';

/** What listing and calling tools needs. */
export interface ToolDeps {
  readonly holder: SnapshotHolder;
  readonly clock: Clock;
  readonly limits: Limits;
  readonly redactions: Redactions;
  readonly upstream: Pick<Upstream, 'call' | 'complete'>;
  readonly toolStates: ToolStates;
  readonly argumentChecks: Pick<ArgumentChecks, 'faultOf'>;
  /** Where results of what only reads are kept. */
  readonly memory: Pick<MemoryCache, 'spaceOf' | 'get' | 'set'>;
}

/** A tool that a caller may know of. */
export interface KnownTool {
  readonly offer: ToolOffer;
  readonly access: Access;
  /** The group that it is called through. */
  readonly group: ToolGroup | undefined;
}

/** What a caller asks by. */
export interface ToolScope {
  /** Empty: that of the key, or none. */
  readonly group: string;
  readonly purpose: string;
  /** The group that is tried, in the place of any that is in force. */
  readonly tried?: ToolGroup | undefined;
}

/** The tools that a caller may know of. Throws NOT_FOUND where there is no such group. */
export function knownTools(deps: ToolDeps, caller: Caller, scope: ToolScope): KnownTool[] {
  const { tools, accessTo, group } = look(deps, caller, scope);
  return [...tools.values()].flatMap((offer) => {
    const access = accessTo(offer);
    return isKnown(offer, access) ? [{ offer, access, group }] : [];
  });
}

/** Finds a tool. Throws NOT_FOUND, the same where there is none and where it may not be known. */
export function findTool(
  deps: ToolDeps,
  caller: Caller,
  { name, ...scope }: ToolScope & { readonly name: string },
): KnownTool {
  const { tools, accessTo, group } = look(deps, caller, scope);
  const offer = tools.get(name);
  const access = offer && accessTo(offer);
  if (offer && access && isKnown(offer, access)) return { offer, access, group };
  throw noSuchTool(name);
}

/** What those are told of a tool who may not know whether there is such a one. */
export function noSuchTool(name: string) {
  const text = `there is no tool ${JSON.stringify(name)}, or you may not call it`;
  return refuse(Reason.NOT_FOUND, text);
}

/** What is decided of a call: by the tool alone, or with its arguments. */
export function decideCall({ offer, access }: KnownTool, args: JsonObject): Verdict {
  return access.decide(offer.provider, offer.operation.name, factsOf(offer, access, args));
}

function look(
  { holder, clock }: ToolDeps,
  caller: Caller,
  { group: named, purpose, tried }: ToolScope,
) {
  const snapshot = holder.current;
  const circumstances: Circumstances = { purpose, nowMs: clock.wallMs() };
  const authority = createAuthority(snapshot, caller, circumstances);
  const group = tried ?? groupOf(snapshot, caller, named);
  const catalogue = snapshot.tenants.get(caller.tenant)?.catalogue;
  const tools = catalogue && group ? toolsOfGroup(catalogue, group) : catalogue?.tools;
  return {
    group,
    tools: tools ?? noTools,
    accessTo: ({ operation }: ToolOffer) => authority.access('call', operation.name),
  };
}

const noTools: ReadonlyMap<string, ToolOffer> = new Map();

/** A tool is known to whom some arguments of it may be allowed. */
function isKnown({ provider, operation }: ToolOffer, access: Access): boolean {
  return access.visible && access.decide(provider, operation.name).effect !== 'deny';
}

/** What policies read of a call: its arguments are its labels, each as text or as its JSON. */
function factsOf({ operation }: ToolOffer, access: Access, args: JsonObject): ItemFacts {
  const labels = readsArguments(access)
    ? Object.fromEntries(Object.entries(args).map(([name, value]) => [name, textOf(value)]))
    : noLabels;
  return { sensitivity: operation.sensitivity, labels, owner: '' };
}

const noLabels: ItemFacts['labels'] = {};

/** Whether what is decided of a call may depend on its arguments. */
export function readsArguments({ reads }: Access): boolean {
  return reads.some((name) => name === LABELS || name.startsWith(`${LABELS}.`));
}

const LABELS = 'resource.labels';

function textOf(value: JsonValue): string {
  return typeof value === 'string' ? value : canonicalJson(value);
}
