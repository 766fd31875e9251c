import { create, type JsonObject } from '@bufbuild/protobuf';
import {
  type CompleteArgumentRequest,
  CompleteArgumentRequestSchema,
  ToolService,
} from '@weir/sdk/gen/weir/tools/v1/tools_pb';
import type { McpCall } from './call.ts';
import { invalidParams, objectOf, textOf, textsOf, uriOf } from './params.ts';
import { templateUri } from './templates.ts';

const VALUE_MAX_CHARS = 1024;

/** completion/complete: values for an argument of a prompt, or for a part of the URI of a resource. */
export async function complete(call: McpCall, params: JsonObject): Promise<JsonObject> {
  const argument = objectOf(params, 'argument');
  const { value } = argument;
  if (typeof value !== 'string' || value.length > VALUE_MAX_CHARS) {
    throw invalidParams(
      `params.argument.value must be a text of at most ${VALUE_MAX_CHARS} characters`,
    );
  }
  const of = subjectOf(call, objectOf(params, 'ref'));
  if (of === undefined || call.without?.completions)
    return { completion: { values: [], total: 0, hasMore: false } };
  const request = create(CompleteArgumentRequestSchema, {
    ...{ of, group: call.group, argument: textOf(argument, 'name'), value },
    known: textsOf(objectOf(params, 'context'), 'arguments'),
  });
  const { backend, visit, signal } = call;
  const { values, total, hasMore } = await visit.call(
    { method: ToolService.method.completeArgument, signal },
    (context) => backend.completeArgument(request, context),
  );
  return { completion: { values, ...(total !== undefined && { total }), hasMore } };
}

/** What a value belongs to; undefined: to what nobody suggests values for. */
function subjectOf(call: McpCall, ref: JsonObject): CompleteArgumentRequest['of'] | undefined {
  switch (ref.type) {
    case 'ref/prompt':
      return { case: 'tool', value: textOf(ref, 'name') };
    case 'ref/resource': {
      const uri = uriOf(ref);
      const found = call.backend
        .templates(call.visit.caller)
        .find((template) => templateUri(template) === uri);
      if (!found) return undefined;
      const { provider, type, template } = found;
      return {
        case: 'template',
        value: { $typeName: 'weir.tools.v1.TypeTemplate', provider, type, template },
      };
    }
    default:
      throw invalidParams('params.ref.type must be "ref/prompt" or "ref/resource"');
  }
}
