import { create } from '@bufbuild/protobuf';
import {
  type CompleteRequest,
  type CompleteResponse,
  CompleteResponseSchema,
} from '../gen/weir/provider/v1/provider_pb.ts';
import type { OnFault } from './answer.ts';
import { callerOf } from './caller.ts';
import type { Suggest, Suggestions } from './context.ts';
import type { ProviderDefinition } from './definition.ts';
import { toConnectError } from './list.ts';
import { ProviderError } from './provider-error.ts';

const valuesMax = 100;

/** Suggests values for what is being written; none where nothing is suggested. */
export async function answerComplete(
  provider: ProviderDefinition,
  request: CompleteRequest,
  { signal, onFault }: { readonly signal: AbortSignal; readonly onFault: OnFault },
): Promise<CompleteResponse> {
  const { argument, value, known } = request;
  const suggest = suggestOf(provider, request.of);
  try {
    const caller = callerOf(request.caller);
    const template = request.of.case === 'keyTemplate' ? request.of.value : undefined;
    const query = { argument, template, value, known, caller, signal };
    const suggested = (await suggest?.(query)) ?? [];
    const { values, total, hasMore } = isAll(suggested)
      ? { values: suggested, total: suggested.length, hasMore: false }
      : suggested;
    return create(CompleteResponseSchema, {
      values: values.slice(0, valuesMax),
      ...(total !== undefined && { total }),
      hasMore: hasMore === true || values.length > valuesMax,
    });
  } catch (error) {
    if (!signal.aborted && !(error instanceof ProviderError)) {
      onFault({ what: `suggestions for ${argument}`, error });
    }
    throw toConnectError(error);
  }
}

function isAll(suggested: readonly string[] | Suggestions): suggested is readonly string[] {
  return Array.isArray(suggested);
}

function suggestOf(
  { operations, contexts }: ProviderDefinition,
  of: CompleteRequest['of'],
): Suggest | undefined {
  switch (of.case) {
    case 'operation':
      return operations.find(({ name }) => name === of.value)?.suggest;
    case 'keyTemplate':
      return contexts.find(({ keyTemplates = [] }) =>
        keyTemplates.some(({ template }) => template === of.value),
      )?.suggest;
    default:
      return undefined;
  }
}
