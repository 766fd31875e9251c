import { hash } from 'node:crypto';
import { type Caller, permitsAllow, readPermit, requireScope } from '@weir/kit';
import type { KnownTemplate, ListName, McpBackend, McpGroup } from '@weir/mcp/server';
import { OperationKind, Scope } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import type { AnswerDeps } from '../answer.ts';
import { requireStillValid } from '../authenticate.ts';
import { createAuthority } from '../authorise.ts';
import type { EventDeps } from '../events/events.ts';
import type { ListDeps } from '../list/list.ts';
import { callToolRpc, type LoggingDeps } from '../rpc/call-tool.ts';
import { completeArgument } from '../rpc/complete-argument.ts';
import { fetchContext } from '../rpc/fetch-context.ts';
import { listContext } from '../rpc/list-context.ts';
import { listTools } from '../rpc/list-tools.ts';
import type { RecordDeps } from '../rpc/record.ts';
import { subscribe } from '../rpc/subscribe.ts';
import type { Offer } from '../snapshot/catalogue.ts';
import { groupOf, permitsOfGroup } from '../tools/groups.ts';
import { knownTools, type ToolDeps } from '../tools/tools.ts';

/** What Weir does for clients of the Model Context Protocol needs all that its RPCs need. */
export type McpDeps = AnswerDeps & ListDeps & EventDeps & ToolDeps & RecordDeps & LoggingDeps;

/** Makes the RPCs, and what else the router knows, into what the protocol's server stands on. */
export function createMcpBackend(
  deps: McpDeps,
  authorizationServers: readonly string[] | undefined,
): McpBackend {
  const { holder } = deps;
  return {
    listTools: listTools(deps),
    callTool: callToolRpc(deps),
    completeArgument: completeArgument(deps),
    fetchContext: fetchContext(deps),
    listContext: listContext(deps),
    subscribe: subscribe(deps),
    eventCursor: (caller, signal) => cursorOf(deps, caller, signal),
    templates: (caller) => visibleOffers(deps, caller).flatMap(templatesOf),
    mark: (caller, list, group) => markOf(deps, caller, { list, group }),
    group: (caller, named) => groupFor(deps, caller, named),
    onChange: (listener) => holder.onChange(listener),
    requireStillValid: (caller) => void requireStillValid(deps, caller),
    authorizationServers: () => authorizationServers ?? onlyIssuers(deps),
  };
}

/** Where the tenant's log ends, as far as this router knows. */
async function cursorOf(
  { tails, cursors }: McpDeps,
  caller: Caller,
  signal: AbortSignal,
): Promise<string> {
  try {
    const { epoch, head } = await tails.of(caller.tenant, signal);
    return cursors.write(caller, { epoch, position: head });
  } catch {
    return '';
  }
}

function visibleOffers({ holder, clock }: McpDeps, caller: Caller): Offer[] {
  const circumstances = { purpose: '', nowMs: clock.wallMs() };
  const authority = createAuthority(holder.current, caller, circumstances);
  const offers = holder.current.tenants.get(caller.tenant)?.catalogue.offers ?? new Map();
  return [...offers].flatMap(([type, ofType]) =>
    authority.access('list', type).visible ? ofType : [],
  );
}

function templatesOf({ provider, type, templates }: Offer): KnownTemplate[] {
  return templates.map(({ template, name, title, description, contentType }) => ({
    ...{ provider: provider.name, type, template, name, title, description, contentType },
  }));
}

/** What the caller's list is made of, as one text: it is another when the list may be. */
function markOf(deps: McpDeps, caller: Caller, of: ListOf): string {
  const isResources = of.list === 'resources';
  const parts = isResources ? resourceParts(deps, caller) : toolParts(deps, caller, of);
  return hash('sha256', JSON.stringify(parts.sort()), 'base64url');
}

/** A list, in a group or in none. */
interface ListOf {
  readonly list: ListName;
  readonly group: string;
}

function toolParts(deps: McpDeps, caller: Caller, { list, group }: ListOf): string[] {
  if (!has(caller, Scope.CALL)) return [];
  const kind = list === 'prompts' ? OperationKind.PROMPT : OperationKind.TOOL;
  const etag = groupOf(deps.holder.current, caller, group)?.etag ?? '';
  return knownTools(deps, caller, { group, purpose: '' })
    .filter(({ offer }) => offer.kind === kind)
    .map(({ offer }) => `${offer.name} ${offer.provider.manifestHash} ${etag}`);
}

/** The group that a caller comes by, and the caller as it may call there. Throws NOT_FOUND. */
function groupFor({ holder }: McpDeps, caller: Caller, named: string): McpGroup | undefined {
  const group = groupOf(holder.current, caller, named);
  if (!group) return undefined;
  const { context, prompts, completions, questions, messages } = group.without ?? {};
  return {
    // A key of the group is bound to it already.
    caller: caller.group === undefined ? within(caller, permitsOfGroup(group)) : caller,
    instructions: group.description,
    without: {
      ...{ context: context ?? false, prompts: prompts ?? false },
      ...{ completions: completions ?? false, questions: questions ?? false },
      messages: messages ?? false,
    },
  };
}

/** The caller with what both a credential and a group permit: what either says and the other allows. */
function within(caller: Caller, ofGroup: readonly string[]): Caller {
  const allowed = (permits: readonly string[], by: readonly string[]) =>
    permits.filter((permit) => {
      const { action, type } = readPermit(permit) ?? { action: '', type: '' };
      return permitsAllow(by, action, type);
    });
  const both = [...allowed(ofGroup, caller.permits), ...allowed(caller.permits, ofGroup)];
  return { ...caller, permits: both.length > 0 ? both : [NOTHING] };
}

/** Permits nothing: no permits at all would permit all. */
const NOTHING = 'none';

function resourceParts(deps: McpDeps, caller: Caller): string[] {
  return visibleOffers(deps, caller).map(
    ({ provider, type, typeVersion }) => `${type} ${typeVersion} ${provider.manifestHash}`,
  );
}

function has(caller: Caller, scope: Scope): boolean {
  try {
    requireScope(caller, scope);
    return true;
  } catch {
    return false;
  }
}

/**
 * The issuers of the only tenant that has some. Where several have, nobody who is not let in learns
 * whose they are: the operator says which are told.
 */
function onlyIssuers({ holder }: McpDeps): readonly string[] {
  const issuers = [...holder.current.credentials.issuers.values()];
  const tenants = new Set(issuers.map(({ tenant }) => tenant));
  return tenants.size === 1 ? [...new Set(issuers.map(({ url }) => url))] : [];
}
