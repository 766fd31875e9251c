import { create } from '@bufbuild/protobuf';
import type { HandlerContext } from '@connectrpc/connect';
import {
  CallToolRequestSchema,
  type TestToolRequest,
  type TestToolResponse,
  TestToolResponseSchema,
  ToolService,
} from '@weir/sdk/gen/weir/tools/v1/tools_pb';
import { type CallingDeps, recordedCall } from './call-tool.ts';
import type { ForwardDeps } from './forward.ts';
import { requireMayTry, trialOf } from './trial-group.ts';

/** TestTool: calls a tool as a tool group has it, for who administers it. */
export function testTool(deps: CallingDeps & ForwardDeps) {
  return async function* (
    { call, proposed }: TestToolRequest,
    context: HandlerContext,
  ): AsyncGenerator<TestToolResponse> {
    const request = call ?? create(CallToolRequestSchema);
    const name = request.group || (proposed?.name ?? '');
    const called = {
      request: { ...request, group: name },
      trialOf: () => {
        requireMayTry(deps, ToolService.method.testTool, context);
        return trialOf(deps, { name, proposed }, context);
      },
    };
    for await (const response of recordedCall(deps, context, called)) {
      yield create(TestToolResponseSchema, { response });
    }
  };
}
