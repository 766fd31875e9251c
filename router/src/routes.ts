import type { DescMethod } from '@bufbuild/protobuf';
import type { ConnectRouter } from '@connectrpc/connect';
import type { LeanMethod, LeanStreamMethod } from '@weir/kit';
import { AuditService } from '@weir/sdk/gen/weir/audit/v1/audit_pb';
import { EventService } from '@weir/sdk/gen/weir/events/v1/events_pb';
import { PolicyService } from '@weir/sdk/gen/weir/policy/v1/service_pb';
import { AdminService } from '@weir/sdk/gen/weir/registry/v1/admin_pb';
import { RegistryService } from '@weir/sdk/gen/weir/registry/v1/registry_pb';
import { GroupService } from '@weir/sdk/gen/weir/registry/v1/tool_groups_pb';
import { RouterService } from '@weir/sdk/gen/weir/router/v1/router_pb';
import { CallLogService } from '@weir/sdk/gen/weir/tools/v1/calls_pb';
import { ToolService } from '@weir/sdk/gen/weir/tools/v1/tools_pb';
import type { AnswerDeps } from './answer.ts';
import type { EventDeps } from './events/events.ts';
import type { ListDeps } from './list/list.ts';
import { ack } from './rpc/ack.ts';
import { callToolRpc, type LoggingDeps } from './rpc/call-tool.ts';
import { completeArgument } from './rpc/complete-argument.ts';
import { explain } from './rpc/explain.ts';
import { fetchContext, fetchContextLean } from './rpc/fetch-context.ts';
import { type ForwardDeps, forward } from './rpc/forward.ts';
import { type AsyncApiDeps, getAsyncApi } from './rpc/get-async-api.ts';
import { listContext } from './rpc/list-context.ts';
import { listTools } from './rpc/list-tools.ts';
import { previewGroup } from './rpc/preview-group.ts';
import { publish } from './rpc/publish.ts';
import { pull } from './rpc/pull.ts';
import type { RecordDeps } from './rpc/record.ts';
import { streamContext } from './rpc/stream-context.ts';
import { subscribe, subscribeLean } from './rpc/subscribe.ts';
import { testPolicies } from './rpc/test-policies.ts';
import { testTool } from './rpc/test-tool.ts';
import type { ToolDeps } from './tools/tools.ts';

/** The services that callers see. */
export const services = [
  ...[RouterService, ToolService, EventService, RegistryService, AdminService],
  ...[PolicyService, AuditService, GroupService, CallLogService],
];

/**
 * What costs most of all that callers may ask: lists ask all providers, explanations are answered
 * without a thought for speed, and the registry has one thread for everybody. Heartbeats are not
 * among them, for without them providers would be lost.
 */
export const dear: readonly DescMethod[] = [
  RouterService.method.listContext,
  RouterService.method.explain,
  EventService.method.getAsyncApi,
  ToolService.method.previewGroup,
  ...[RegistryService, AdminService, PolicyService, AuditService, GroupService, CallLogService]
    .flatMap(({ methods }): readonly DescMethod[] => methods)
    .filter((method) => method !== RegistryService.method.heartbeat),
];

/** What goes on for as long as its caller wants, and waits most of the time. */
export const lasting: readonly DescMethod[] = [
  EventService.method.subscribe,
  EventService.method.pull,
];

/** What is answered in the fast lane too. */
export function leanMethods(
  deps: AnswerDeps & RecordDeps & EventDeps,
): (LeanMethod | LeanStreamMethod)[] {
  return [fetchContextLean(deps), subscribeLean(deps)];
}

/** Wires the services to what answers them. */
export function routes(
  deps: AnswerDeps & ListDeps & ForwardDeps & AsyncApiDeps & ToolDeps & LoggingDeps,
) {
  return (router: ConnectRouter): void => {
    router.service(RouterService, {
      fetchContext: fetchContext(deps),
      streamContext: streamContext(deps),
      listContext: listContext(deps),
      explain: explain(deps),
    });
    router.service(ToolService, {
      listTools: listTools(deps),
      callTool: callToolRpc(deps),
      previewGroup: previewGroup(deps),
      testTool: testTool(deps),
      completeArgument: completeArgument(deps),
    });
    router.service(EventService, {
      publish: publish(deps),
      subscribe: subscribe(deps),
      pull: pull(deps),
      ack: ack(deps),
      getAsyncApi: getAsyncApi(deps),
    });
    router.service(RegistryService, forward(RegistryService, deps));
    router.service(AdminService, forward(AdminService, deps));
    router.service(GroupService, forward(GroupService, deps));
    router.service(CallLogService, forward(CallLogService, deps));
    router.service(PolicyService, {
      ...forward(PolicyService, deps),
      testPolicies: testPolicies(deps),
    });
    router.service(AuditService, forward(AuditService, deps));
  };
}
