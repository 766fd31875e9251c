import type { JsonObject } from '@bufbuild/protobuf';
import type { Visit } from '@weir/kit';
import type { InputKind, Severity } from '@weir/sdk/gen/weir/provider/v1/provider_pb';
import type { McpBackend, McpGroup } from './backend.ts';

/** A request that is being answered, as its revision has understood it. */
export interface McpCall {
  readonly backend: McpBackend;
  readonly visit: Visit;
  /** The tool group that the path names. Empty: that of the key, if it has one. */
  readonly group: string;
  /** What there is not in the group. */
  readonly without: McpGroup['without'] | undefined;
  /** The revision that is spoken, such as "2025-11-25". */
  readonly revision: string;
  /** Aborted when the client wants no answer any more. */
  readonly signal: AbortSignal;
  /** What the client can be asked. */
  readonly canAsk: readonly InputKind[];
  /** Messages of tools of this severity and above are of interest. */
  readonly minSeverity: Severity;
  /** Sends something before the answer; dropped where nothing can be sent before it. */
  notify(method: string, params: JsonObject): void;
}

/** The revision since which the protocol has no sessions. */
export const STATELESS_REVISION = '2026-07-28';
/** The revisions that have them, newest first. */
export const sessionRevisions: readonly string[] = [
  '2025-11-25',
  '2025-06-18',
  '2025-03-26',
  '2024-11-05',
];

/** Whether a revision is one without sessions. */
export function isStateless(revision: string): boolean {
  return revision >= STATELESS_REVISION;
}
