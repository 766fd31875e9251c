import {
  defineContext,
  defineOperation,
  defineProvider,
  type ProviderDefinition,
} from '@weir/sdk/provider';
import type { ApiModel, ContextModel, OperationModel } from './model/model.ts';
import { documentError } from './read/document-error.ts';
import { type Api, createApi } from './runtime/api.ts';
import { fetchItem } from './runtime/fetch.ts';
import { listItems } from './runtime/list.ts';
import { chosenNames } from './runtime/names.ts';
import { callOperation } from './runtime/operation.ts';
import { withDefinitions } from './runtime/schema.ts';
import type { Secrets } from './runtime/secrets.ts';

/** A request of the API and what comes with it, such as one for a token. */
const callMaxMs = 15_000;

/** How long a value counts as true when the API does not say, in milliseconds. */
export const defaultTtlMs = 60_000;

/** How a model is served. */
export interface ProviderOptions {
  /** Operations to offer; `*` stands for any text. */
  readonly enable: readonly string[];
  readonly secrets: Secrets;
  readonly outboundAllow: readonly string[];
}

/** The provider that a model stands for, as a generated project would have it. Throws DocumentError. */
export function providerOf(model: ApiModel, options: ProviderOptions): ProviderDefinition {
  const { secrets, outboundAllow } = options;
  const { baseUrl, credentials } = model;
  const api = createApi({ baseUrl, credentials, secrets, outboundAllow });
  const operations = enabledOf(model.operations, options.enable);
  if (model.contexts.length + operations.length === 0) {
    throw documentError(
      '#/paths',
      'has no context, and no operation is enabled; enable some with --enable',
    );
  }
  return defineProvider({
    name: model.name,
    version: model.version,
    title: model.title,
    description: model.description,
    category: 'api',
    timeoutMs: callMaxMs,
    contexts: model.contexts.map((context) => contextOf(api, model, context)),
    operations: operations.map((operation) => operationOf(api, operation)),
  });
}

/** The operations that names or patterns mean. Throws DocumentError for one that means none. */
export function enabledOf(
  operations: readonly OperationModel[],
  enable: readonly string[],
): OperationModel[] {
  try {
    const names = chosenNames(
      operations.map(({ name }) => name),
      enable,
    );
    return operations.filter(({ name }) => names.includes(name));
  } catch (error) {
    throw documentError('--enable', (error as Error).message);
  }
}

function contextOf(api: Api, { definitions }: ApiModel, context: ContextModel) {
  const { type, title, schema, open, request, keyParameters, list, sensitivity } = context;
  return defineContext<unknown>({
    type,
    version: '1.0.0',
    title,
    schema: withDefinitions(schema, definitions, open),
    ttlMs: defaultTtlMs,
    ...(sensitivity && { sensitivity }),
    fetch: fetchItem(api, { request, keyParameters }),
    ...(list && { list: listItems(api, list.spec) }),
  });
}

function operationOf(api: Api, operation: OperationModel) {
  const { name, title, description, readOnly, idempotent, destructive, input, request } = operation;
  return defineOperation({
    ...{ name, title, description, readOnly, idempotent, destructive, input },
    call: callOperation(api, request),
  });
}
