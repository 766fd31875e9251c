import { call, type Expression, list, literal, textLiteral } from '../../python/literal.ts';
import type { CredentialSpec } from '../runtime/credentials.ts';
import type { ListSpec, Pagination } from '../runtime/list.ts';
import type { ParameterSpec, RequestSpec } from '../runtime/request.ts';

// Specs of the runtime as Python has them: calls of the classes in `python/runtime`.

/** A request. */
export function requestExpression(request: RequestSpec): Expression {
  const { method, path, accept, parameters, baseUrl, bodyType, security } = request;
  return call('RequestSpec', {
    method: textLiteral(method),
    path: textLiteral(path),
    accept: textLiteral(accept),
    parameters: some(parameters.map(parameterExpression)),
    base_url: optional(baseUrl),
    body_type: optional(bodyType),
    security: some(security.map(literal)),
  });
}

function parameterExpression(parameter: ParameterSpec): Expression {
  const { name, argument, style, explode, value, allowReserved } = parameter;
  return call('ParameterSpec', {
    name: textLiteral(name),
    place: textLiteral(parameter.in),
    argument: optional(argument),
    style: optional(style),
    explode: optional(explode),
    value: optional(value),
    allow_reserved: optional(allowReserved || undefined),
  });
}

/** How values are got by their keys. */
export function fetchExpression(
  request: RequestSpec,
  keyParameters: readonly string[],
): Expression {
  return call('FetchSpec', {
    request: requestExpression(request),
    key_parameters: literal(keyParameters),
  });
}

/** How keys are listed. */
export function listExpression(spec: ListSpec): Expression {
  const { request, items, keyFields, parents, pagination, pageSize } = spec;
  return call('ListSpec', {
    request: requestExpression(request),
    items: textLiteral(items),
    key_fields: literal(keyFields),
    pagination: paginationExpression(pagination),
    parents: some(parents.map(literal)),
    page_size:
      pageSize &&
      call('PageSize', { parameter: textLiteral(pageSize.parameter), max: String(pageSize.max) }),
    search_parameter: optional(spec.searchParameter),
    title_field: optional(spec.titleField),
    summary_field: optional(spec.summaryField),
  });
}

/** The classes of ways to go on, by their kinds. */
export const paginationClasses: Readonly<Record<Pagination['kind'], string>> = {
  none: 'AllAtOnce',
  page: 'PageNumber',
  offset: 'Offset',
  cursor: 'Cursor',
  lastKey: 'LastKey',
  nextUrl: 'NextUrl',
  link: 'LinkHeader',
};

function paginationExpression({ kind, ...rest }: Pagination): Expression {
  const named = Object.entries(rest).map(([name, value]) => [name, literal(value)]);
  return call(paginationClasses[kind], Object.fromEntries(named));
}

/** The classes of credentials, by their kinds. */
export const credentialClasses: Readonly<Record<CredentialSpec['kind'], string>> = {
  apiKey: 'ApiKey',
  basic: 'Basic',
  bearer: 'Bearer',
  clientCredentials: 'ClientCredentials',
};

/** A way to say who calls. */
export function credentialExpression(spec: CredentialSpec): Expression {
  const name = credentialClasses[spec.kind];
  const secret = textLiteral(spec.secret);
  switch (spec.kind) {
    case 'apiKey':
      return call(name, { secret, place: textLiteral(spec.in), name: textLiteral(spec.name) });
    case 'basic':
    case 'bearer':
      return call(name, { secret });
    case 'clientCredentials':
      return call(name, {
        secret,
        token_url: textLiteral(spec.tokenUrl),
        is_discovery: optional(spec.isDiscovery || undefined),
        scopes: some(spec.scopes.map(literal)),
      });
    default:
      return spec satisfies never;
  }
}

/** Undefined, so that it is left out, where there is no value. */
function optional(value: unknown): Expression | undefined {
  return value === undefined || value === null ? undefined : literal(value);
}

function some(values: readonly Expression[]): Expression | undefined {
  return values.length === 0 ? undefined : list(values);
}
