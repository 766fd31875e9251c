import { create } from '@bufbuild/protobuf';
import { type CallHead, callerOf, refuse, requireScope } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { OperationKind, Scope } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import {
  type ListToolsRequest,
  type ListToolsResponse,
  ListToolsResponseSchema,
  type Tool,
  ToolSchema,
} from '@weir/sdk/gen/weir/tools/v1/tools_pb';
import { parsePurpose } from '../batch.ts';
import { compareText } from '../snapshot/catalogue.ts';
import { type KnownTool, knownTools, type ToolDeps } from '../tools/tools.ts';
import { type RecordDeps, recorded } from './record.ts';

const TOOLS_PAGE_DEFAULT = 100;
const TOOLS_PAGE_MAX = 1000;
const PAGE_TOKEN_MAX_CHARS = 512;

/** ListTools: what the caller may call, by name. */
export function listTools(deps: ToolDeps & RecordDeps) {
  return (request: ListToolsRequest, context: CallHead) =>
    recorded(deps, context, () => {
      const caller = callerOf(context);
      requireScope(caller, Scope.CALL);
      const purpose = parsePurpose(request.purpose);
      const scope = { group: request.group, purpose };
      const known = knownTools(deps, caller, scope).filter((tool) => isWanted(tool, request));
      known.sort((a, b) => compareText(a.offer.name, b.offer.name));
      return { answer: pageOf(known, request), record: { purpose, target: request.group } };
    });
}

function isWanted({ offer }: KnownTool, { kind, provider }: ListToolsRequest): boolean {
  if (provider !== '' && offer.provider.name !== provider) return false;
  return kind === OperationKind.UNSPECIFIED || offer.kind === kind;
}

function pageOf(known: readonly KnownTool[], request: ListToolsRequest): ListToolsResponse {
  const { page, nextPageToken } = pageOfTools(known, request);
  return create(ListToolsResponseSchema, { tools: page.map(toolShown), nextPageToken });
}

/** A tool as it is told of. */
export function toolShown({ offer: { name, provider, operation } }: KnownTool): Tool {
  return create(ToolSchema, {
    ...{ name, provider: provider.name, providerVersion: provider.version, operation },
  });
}

/** Some of the tools that stand in order of their names. Throws INVALID_PAGE. */
export function pageOfTools(known: readonly KnownTool[], request: PageOfTools) {
  const size = sizeOf(request);
  const after = afterOf(request);
  const rest =
    after === '' ? known : known.filter(({ offer }) => compareText(offer.name, after) > 0);
  const page = rest.slice(0, size);
  const last = rest.length > size ? (page.at(-1)?.offer.name ?? '') : '';
  return { page, nextPageToken: Buffer.from(last).toString('base64url') };
}

/** Which page is asked for. */
type PageOfTools = Pick<ListToolsRequest, 'pageSize' | 'pageToken'>;

function sizeOf({ pageSize }: PageOfTools): number {
  if (pageSize >= 0 && pageSize <= TOOLS_PAGE_MAX) return pageSize || TOOLS_PAGE_DEFAULT;
  throw refuse(
    Reason.INVALID_PAGE,
    `page_size is ${pageSize}; give 0 (for ${TOOLS_PAGE_DEFAULT}) to ${TOOLS_PAGE_MAX}`,
  );
}

/** The name of the tool before; it tells nothing that the page before did not. */
function afterOf({ pageToken }: PageOfTools): string {
  if (pageToken === '') return '';
  const name = Buffer.from(pageToken, 'base64url').toString();
  const isOurs = Buffer.from(name).toString('base64url') === pageToken;
  if (isOurs && pageToken.length <= PAGE_TOKEN_MAX_CHARS) return name;
  throw refuse(Reason.INVALID_PAGE, 'page_token is none of ours; begin again without it');
}
