import type { JsonSchema } from '@weir/sdk/provider';
import { DocumentError, documentError } from '../read/document-error.ts';
import { objectOf, textOf } from '../read/json.ts';
import type { ApiDocument } from '../read/read-document.ts';
import { patternOf } from '../runtime/names.ts';
import { withDefinitions } from '../runtime/schema.ts';
import { contextOf, listPath } from './contexts.ts';
import { type Endpoint, endpointId, endpointName, endpointsOf } from './endpoints.ts';
import { cutDeep, inputSchemaLimits, leftOpen, referencesOf } from './fit-schema.ts';
import { type ContextReader, type Judged, judge, type ReadEndpoint } from './judge.ts';
import type { ApiModel, ContextModel, Note, OperationModel } from './model.ts';
import { createNames, operationNameOf, providerNameOf } from './names.ts';
import { createSchemas, type Schemas, shortened } from './schemas.ts';
import { securityOf } from './security.ts';
import { baseUrlOf, ownBaseOf, type ServerOptions } from './servers.ts';

/** How a document is made a model. */
export interface ModelOptions extends ServerOptions {
  /** The name of the provider. Default: from the title of the document. */
  readonly name?: string | undefined;
  /** What the names of its types begin with, since a tenant has one type of a name. Default: nothing. */
  readonly typePrefix?: string | undefined;
  /** Only operations whose id or path fits one of these; `*` stands for any text. Default: all. */
  readonly include: readonly string[];
  /** References to secrets in the place of the default ones, by security scheme. */
  readonly secrets: Readonly<Record<string, string>>;
}

const nameMaxChars = 63;
const operationMaxChars = 128;
/** Names that Weir has itself. */
const ownTypes = ['DocChunk', 'SQLSchema', 'LogLine', 'Metric', 'SaaSRecord'];

/** Makes a document a model. The same document makes the same model. Throws DocumentError. */
export function buildModel(document: ApiDocument, options: ModelOptions): ApiModel {
  checkNames(options);
  const info = objectOf(document.root.info);
  const notes: Note[] = [];
  const name = options.name ?? providerNameOf(textOf(info.title) ?? 'api');
  const endpoints = included(endpointsOf(document, notes), options.include);
  const types = createNames(ownTypes);
  const answers = createSchemas(document, { direction: 'answer', notes });
  const isMoved = options.server !== undefined && !/^\d+$/.test(options.server);
  const reader: ContextReader = {
    document,
    notes,
    answers,
    schemas: createSchemas(document, { direction: 'request', notes }),
    security: securityOf(document, { provider: name, secrets: options.secrets, notes }),
    ownBaseOf: (endpoint) =>
      isMoved ? undefined : ownBaseOf(endpoint.servers, options, endpointName(endpoint)),
    takeType(bare, endpoint) {
      const wanted = `${options.typePrefix ?? ''}${bare}`.slice(0, nameMaxChars);
      const type = types.take(wanted, nameMaxChars);
      if (type !== wanted) {
        const text = `the type is called ${type}, since ${wanted} is taken`;
        notes.push({ place: endpointName(endpoint), text });
      }
      return type;
    },
  };
  const judged = endpoints
    .filter((endpoint) => hasAddress(reader, endpoint))
    .map((endpoint) => judge(reader, endpoint));
  const contexts = contextsOf(reader, judged);
  const operations = operationsOf(reader, judged, contexts);
  if (contexts.length + operations.length === 0) {
    throw documentError('#/paths', 'has no operation that is included; there is nothing to offer');
  }
  const readOnlyOperations = operations.filter(({ readOnly }) => readOnly).length;
  return {
    name,
    version: versionOf(textOf(info.version)),
    title: (textOf(info.title) ?? name).slice(0, 120),
    description: shortened(textOf(info.description) ?? ''),
    baseUrl: baseUrlOf(document, options),
    credentials: reader.security.credentials,
    contexts,
    operations,
    definitions: usedDefinitions(contexts, answers),
    notes: distinct(notes),
    counts: {
      version: document.version,
      operations: endpoints.length,
      contexts: contexts.length,
      lists: contexts.filter(({ list }) => list).length,
      readOnlyOperations,
      otherOperations: operations.length - readOnlyOperations,
    },
  };
}

/** Whether a request of it can be made. One without address would go to another's, with its secrets. */
function hasAddress({ ownBaseOf: baseOf, notes }: ContextReader, endpoint: Endpoint): boolean {
  try {
    baseOf(endpoint);
    return true;
  } catch (error) {
    if (!(error instanceof DocumentError)) throw error;
    const why = error.faults.map(({ text }) => text).join('; ');
    notes.push({ place: endpointName(endpoint), text: `is left out: its server ${why}` });
    return false;
  }
}

function checkNames({ name = 'api', typePrefix = 'Api' }: ModelOptions): void {
  if (!/^[a-z][a-z0-9-]{0,62}$/.test(name)) {
    throw documentError('--name', `"${name}" is not a-z, 0-9 and "-" after a letter, at most 63`);
  }
  if (!/^[A-Z][A-Za-z0-9]{0,30}$/.test(typePrefix)) {
    throw documentError('--type-prefix', `"${typePrefix}" is not A-Z, a-z, 0-9 after a capital`);
  }
}

function included(endpoints: readonly Endpoint[], patterns: readonly string[]): Endpoint[] {
  if (patterns.length === 0) return [...endpoints];
  const fits = patterns.map(patternOf);
  const found = endpoints.filter((endpoint) =>
    fits.some((each) => each.test(endpointId(endpoint)) || each.test(endpoint.path)),
  );
  if (found.length > 0) return found;
  const some = endpoints.slice(0, 3).map(endpointId).join(', ');
  throw documentError(
    '#/paths',
    `has no operation that fits ${patterns.join(', ')}; there are ${some}, …`,
  );
}

function contextsOf(reader: ContextReader, judged: readonly Judged[]): ContextModel[] {
  const lists = new Map(
    judged.flatMap((each) =>
      each.kind === 'list' ? [[listPath(each.read.endpoint.path), each] as const] : [],
    ),
  );
  return judged.flatMap((each) =>
    each.kind === 'item' ? [contextOf(reader, each.read, lists)] : [],
  );
}

/** All that is neither a context nor the list of one. */
function operationsOf(
  reader: ContextReader,
  judged: readonly Judged[],
  contexts: readonly ContextModel[],
): OperationModel[] {
  const listed = new Set(contexts.flatMap(({ list }) => (list ? [list.spec.request.path] : [])));
  const names = createNames();
  return judged.flatMap((each) => {
    if (each.kind === 'item') return [];
    const { endpoint } = each.read;
    if (each.kind === 'list' && listed.has(endpoint.path)) return [];
    const reason = each.kind === 'list' ? 'it answers with a list of what has no key' : each.reason;
    const wanted = operationNameOf(endpointId(endpoint)) || 'operation';
    const name = names.take(wanted, operationMaxChars);
    if (name !== wanted) {
      const text = `the operation is called ${name}, since ${wanted} is taken`;
      reader.notes.push({ place: endpointName(endpoint), text });
    }
    return [operationOf(reader, each.read, { name, reason })];
  });
}

function operationOf(
  reader: ContextReader,
  { endpoint, request }: ReadEndpoint,
  { name, reason }: { readonly name: string; readonly reason: string },
): OperationModel {
  const { operation, method } = endpoint;
  const readOnly = ['GET', 'HEAD', 'OPTIONS', 'TRACE'].includes(method);
  return {
    name,
    title: shortened(textOf(operation.summary) ?? endpointName(endpoint)).slice(0, 120),
    description: shortened(textOf(operation.description) ?? ''),
    reason,
    readOnly,
    idempotent: readOnly || method === 'PUT' || method === 'DELETE',
    destructive: method === 'DELETE' || method === 'PUT' || method === 'PATCH',
    input: inputOf(reader, { endpoint, request }),
    request: request.spec,
  };
}

function inputOf(
  { schemas, notes }: ContextReader,
  { endpoint, request }: Pick<ReadEndpoint, 'endpoint' | 'request'>,
): JsonSchema {
  const properties = request.arguments.map(({ name, description, schema }) => {
    const told =
      description === '' || schema.description
        ? schema
        : { ...schema, description: shortened(description) };
    return [name, told] as const;
  });
  const required = request.arguments.filter((each) => each.required).map(({ name }) => name);
  const own = cutDeep({
    type: 'object',
    properties: Object.fromEntries(properties),
    ...(required.length > 0 && { required }),
    additionalProperties: false,
  });
  const open = leftOpen(own, schemas.definitions, inputSchemaLimits);
  if (open.length > 0) {
    const text = `its arguments leave ${open.join(', ').slice(0, 200)} open: with all of them they would be larger than Weir takes`;
    notes.push({ place: endpointName(endpoint), text });
  }
  const whole = withDefinitions(own, schemas.definitions, open);
  if (JSON.stringify(whole).length <= inputSchemaLimits.chars) return whole;
  notes.push({
    place: endpointName(endpoint),
    text: 'its arguments are not described: they are too large',
  });
  return { type: 'object' };
}

/** Those that contexts refer to, by name. */
function usedDefinitions(contexts: readonly ContextModel[], { definitions }: Schemas) {
  const used = new Set<string>();
  const pending: unknown[] = contexts.map(({ schema }) => schema);
  while (pending.length > 0) {
    for (const name of referencesOf(pending.pop())) {
      if (used.has(name)) continue;
      used.add(name);
      pending.push(definitions[name]);
    }
  }
  return Object.fromEntries([...used].sort().map((name) => [name, definitions[name] ?? {}]));
}

function distinct(notes: readonly Note[]): Note[] {
  return [...new Map(notes.map((note) => [`${note.place} ${note.text}`, note])).values()];
}

/** The version of the provider: that of the document, as far as it is one. */
function versionOf(text = ''): string {
  const [, major, minor = '0', patch = '0'] =
    /^v?(\d{1,9})(?:\.(\d{1,9}))?(?:\.(\d{1,9}))?/.exec(text) ?? [];
  // A date is no version of a thing: 2010-04-01 would say that nothing ever changed.
  if (major === undefined || /^\d{4}-\d\d/.test(text)) return '1.0.0';
  return [major, minor, patch].map(Number).join('.');
}
