import type { JsonSchema } from '@weir/sdk/provider';
import { isObject, type JsonObject, pointerTo, textOf } from '../read/json.ts';
import type { ApiDocument, Located } from '../read/read-document.ts';
import type { ParameterSpec, RequestSpec } from '../runtime/request.ts';
import { contentOf, type Endpoint, endpointName } from './endpoints.ts';
import type { Note } from './model.ts';
import type { Schemas } from './schemas.ts';
import type { Security } from './security.ts';

/** One argument of a request. */
export interface ArgumentModel {
  /** Its name among the arguments. */
  readonly name: string;
  readonly required: boolean;
  readonly description: string;
  readonly where: ParameterSpec['in'] | 'body';
  /** Its name in the API. */
  readonly parameter: string;
  readonly schema: JsonSchema;
}

/** A request, and what it is given. */
export interface RequestModel {
  readonly spec: RequestSpec;
  readonly arguments: readonly ArgumentModel[];
}

/** What requests are read with. */
export interface RequestReader {
  readonly document: ApiDocument;
  readonly security: Security;
  /** Of the way to the API. */
  readonly schemas: Schemas;
  /** The address of an endpoint that is not where all others are. */
  readonly ownBaseOf: (endpoint: Endpoint) => string | undefined;
  readonly notes: Note[];
}

const jsonTypes = /[/+]json\b/;
const bodyTypes = [
  /^application\/json\b/,
  jsonTypes,
  /^application\/x-www-form-urlencoded/,
  /^multipart\/form-data/,
  /^text\//,
];
const answerTypes = [/^application\/json\b/, jsonTypes];
/** Headers that HTTP itself is about. */
const ownHeaders =
  /^(?:accept|content-type|authorization|host|content-length|connection|transfer-encoding)$/i;
const places: readonly string[] = ['path', 'query', 'header', 'cookie'];

/** Reads what one request needs. */
export function requestOf(reader: RequestReader, endpoint: Endpoint): RequestModel {
  const { document, security, notes } = reader;
  const place = endpointName(endpoint);
  const parameters: ParameterSpec[] = [];
  const given: ArgumentModel[] = [];
  const taken = new Set<string>();
  for (const located of endpoint.parameters) {
    const { value } = located;
    const [name, where] = [textOf(value.name) ?? '', textOf(value.in) ?? ''];
    if (where === 'querystring') {
      notes.push({ place, text: `the parameter ${name} in "querystring" of 3.2 is not supported` });
    }
    if (!places.includes(where) || (where === 'header' && ownHeaders.test(name))) continue;
    const within = where as ParameterSpec['in'];
    const argument = taken.has(name) || name === 'body' ? `${where}_${name}` : name;
    taken.add(argument);
    const { schema, style } = schemaOf(reader, located);
    const fixed = fixedValue(value, schema);
    parameters.push({
      name,
      in: within,
      ...(argument !== name && { argument }),
      ...styleOf(value, style),
      ...(value.required === true && fixed !== undefined && within !== 'path' && { value: fixed }),
      ...(value.allowReserved === true && { allowReserved: true }),
    });
    const required = value.required === true || where === 'path';
    const description = textOf(value.description) ?? '';
    given.push({ name: argument, required, description, where: within, parameter: name, schema });
  }
  addUndeclared(endpoint.path, { parameters, given, notes });
  const body = bodyOf(reader, endpoint);
  if (body) given.push(body.argument);
  const ownBase = reader.ownBaseOf(endpoint);
  return {
    spec: {
      method: endpoint.method,
      path: endpoint.path,
      ...(ownBase !== undefined && { baseUrl: ownBase }),
      parameters,
      ...(body && { bodyType: body.type }),
      accept: acceptOf(document, endpoint),
      security: security.setsOf(endpoint),
    },
    arguments: given,
  };
}

/** Parts of the path that no parameter is declared for are texts. */
function addUndeclared(
  path: string,
  to: { parameters: ParameterSpec[]; given: ArgumentModel[]; notes: Note[] },
): void {
  for (const [, name = ''] of path.matchAll(/\{([^}]+)\}/g)) {
    if (to.parameters.some((each) => each.in === 'path' && each.name === name)) continue;
    to.notes.push({
      place: path,
      text: `no parameter {${name}} is declared: it is taken for a text`,
    });
    to.parameters.push({ name, in: 'path' });
    const schema = { type: 'string' };
    to.given.push({
      name,
      required: true,
      description: '',
      where: 'path',
      parameter: name,
      schema,
    });
  }
}

function schemaOf({ document, schemas }: RequestReader, { value, pointer }: Located<JsonObject>) {
  const content = contentOf(document, { value, pointer }, answerTypes);
  if (content) {
    const at = pointerTo(content.media.pointer, 'schema');
    const style = jsonTypes.test(content.type) ? 'json' : undefined;
    return { schema: schemas.convert(content.media.value.schema, at), style };
  }
  return { schema: schemas.convert(value.schema, pointerTo(pointer, 'schema')), style: undefined };
}

function styleOf(value: JsonObject, style: string | undefined): Partial<ParameterSpec> {
  const stated = style ?? textOf(value.style);
  return {
    ...(stated !== undefined && { style: stated }),
    ...(typeof value.explode === 'boolean' && { explode: value.explode }),
  };
}

/** The value of a parameter that has to be there and leaves no choice. */
function fixedValue(value: JsonObject, schema: JsonSchema): unknown {
  if (schema.default !== undefined) return schema.default;
  if (schema.const !== undefined) return schema.const;
  if (Array.isArray(schema.enum) && schema.enum.length === 1) return schema.enum[0];
  return isObject(value.schema) ? value.schema.default : undefined;
}

function bodyOf(reader: RequestReader, endpoint: Endpoint) {
  const { document, schemas, notes } = reader;
  const content = contentOf(document, endpoint.body, bodyTypes);
  if (!content || !endpoint.body) return undefined;
  if (!bodyTypes.some((pattern) => pattern.test(content.type))) {
    const text = `a body of ${content.type} is sent as the text that is given`;
    notes.push({ place: endpointName(endpoint), text });
  }
  const schema = schemas.convert(
    content.media.value.schema,
    pointerTo(content.media.pointer, 'schema'),
  );
  const argument: ArgumentModel = {
    name: 'body',
    required: endpoint.body.value.required === true,
    description: textOf(endpoint.body.value.description) ?? '',
    where: 'body',
    parameter: 'body',
    schema,
  };
  return { type: content.type, argument };
}

function acceptOf(document: ApiDocument, endpoint: Endpoint): string {
  const content = contentOf(document, endpoint.answer, answerTypes);
  return content === undefined || content.type.includes(';')
    ? 'application/json, */*;q=0.5'
    : `${content.type}, */*;q=0.5`;
}

/** The argument that holds a part of the path. */
export function argumentOf({ spec }: RequestModel, name: string): string {
  const found = spec.parameters.find((each) => each.in === 'path' && each.name === name);
  return found?.argument ?? name;
}
