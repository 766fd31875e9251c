import { create } from '@bufbuild/protobuf';
import { Code, type ServiceImpl } from '@connectrpc/connect';
import { refusedCall } from '../errors.ts';
import { Reason } from '../gen/weir/errors/v1/reason_pb.ts';
import type { CallResponse } from '../gen/weir/provider/v1/provider_pb.ts';
import {
  type CallToolResponse,
  CallToolResponseSchema,
  type ToolService,
} from '../gen/weir/tools/v1/tools_pb.ts';
import type { ProviderDefinition } from '../provider/definition.ts';
import type { TestRouting } from './router.ts';

/** Calls the operations of providers in memory. */
export function testCallTool(
  { clientOf, caller }: TestRouting,
  providers: readonly ProviderDefinition[],
): ServiceImpl<typeof ToolService>['callTool'] {
  return async function* (request, { signal }) {
    const { provider, operation } = find(providers, request.tool);
    const wire = { ...caller, attributes: { ...caller.attributes } };
    const { arguments: given, canAsk, state, answers, wantsProgress, minSeverity } = request;
    const call = {
      operation,
      arguments: given,
      canAsk,
      state,
      answers,
      wantsProgress,
      minSeverity,
    };
    for await (const { message } of clientOf(provider).call(
      { ...call, caller: wire },
      { signal },
    )) {
      yield readMessage(message);
    }
  };
}

/** A message of a call as a consumer gets it. */
function readMessage(message: CallResponse['message']): CallToolResponse {
  switch (message.case) {
    case 'failure':
      throw refusedCall(message.value.code, Reason.PROVIDER_FAILED, message.value.text);
    case 'result': {
      const { content, isError } = message.value;
      const { payload = new Uint8Array(), contentType = '', sensitivity = 0 } = content ?? {};
      const value = { payload, contentType, sensitivity, isError };
      return create(CallToolResponseSchema, { message: { case: 'result', value } });
    }
    default:
      return create(CallToolResponseSchema, { message });
  }
}

function find(providers: readonly ProviderDefinition[], tool: string) {
  for (const provider of providers) {
    const operation = provider.operations.find(({ name }) => `${provider.name}__${name}` === tool);
    if (operation) return { provider, operation: operation.name };
  }
  throw refusedCall(Code.NotFound, Reason.NOT_FOUND, `no provider has the tool ${tool}`);
}
