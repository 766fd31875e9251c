import type { CallContext, Caller } from '@weir/kit';
import type { SubscribeRequest, SubscribeResponse } from '@weir/sdk/gen/weir/events/v1/events_pb';
import type {
  FetchContextRequest,
  FetchContextResponse,
  ListContextRequest,
  ListContextResponse,
} from '@weir/sdk/gen/weir/router/v1/router_pb';
import type {
  CallToolRequest,
  CallToolResponse,
  CompleteArgumentRequest,
  CompleteArgumentResponse,
  ListToolsRequest,
  ListToolsResponse,
} from '@weir/sdk/gen/weir/tools/v1/tools_pb';

/** A form of keys that a caller may list. */
export interface KnownTemplate {
  readonly provider: string;
  readonly type: string;
  /** As its manifest has it. */
  readonly template: string;
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly contentType: string;
}

/** Of what a caller is shown, the lists that may change while they look. */
export type ListName = 'tools' | 'prompts' | 'resources';

/** A tool group, as far as this protocol shows it. */
export interface McpGroup {
  /** The caller, as it may call within the group. */
  readonly caller: Caller;
  /** What models are told of it. Empty: nothing of its own. */
  readonly instructions: string;
  /** What there is not in it. */
  readonly without: {
    readonly context: boolean;
    readonly prompts: boolean;
    readonly completions: boolean;
    readonly questions: boolean;
    readonly messages: boolean;
  };
}

/** What Weir does for the clients of this protocol: its RPCs, as functions, and what it knows. */
export interface McpBackend {
  listTools(
    request: ListToolsRequest,
    context: CallContext,
  ): ListToolsResponse | Promise<ListToolsResponse>;
  callTool(request: CallToolRequest, context: CallContext): AsyncIterable<CallToolResponse>;
  completeArgument(
    request: CompleteArgumentRequest,
    context: CallContext,
  ): CompleteArgumentResponse | Promise<CompleteArgumentResponse>;
  fetchContext(
    request: FetchContextRequest,
    context: CallContext,
  ): FetchContextResponse | Promise<FetchContextResponse>;
  listContext(
    request: ListContextRequest,
    context: CallContext,
  ): ListContextResponse | Promise<ListContextResponse>;
  subscribe(request: SubscribeRequest, context: CallContext): AsyncIterable<SubscribeResponse>;
  /** A cursor of the caller's at the end of the events so far. Empty: it is not known now. */
  eventCursor(caller: Caller, signal: AbortSignal): Promise<string>;
  /** The forms of keys that a caller may know of, by provider and template. */
  templates(caller: Caller): readonly KnownTemplate[];
  /** A text that changes when what a caller sees in a list may be another. */
  mark(caller: Caller, list: ListName, group: string): string;
  /**
   * The group that a caller comes by: that of the key, or the one that the path names. Undefined: none.
   * Throws NOT_FOUND where there is none of that name, or the caller may not use it.
   */
  group(caller: Caller, named: string): McpGroup | undefined;
  /** Calls the listener whenever a list may have changed for somebody. */
  onChange(listener: () => void): Disposable;
  /** Throws when the caller would not be let in any more. */
  requireStillValid(caller: Caller): void;
  /** The issuers of which clients can get tokens. Empty: none can be named. */
  authorizationServers(): readonly string[];
}
