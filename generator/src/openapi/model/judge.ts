import type { JsonSchema } from '@weir/sdk/provider';
import { wordsOf } from '../../suggest/words.ts';
import { type JsonObject, pointerTo } from '../read/json.ts';
import type { Located } from '../read/read-document.ts';
import { contentOf, type Endpoint } from './endpoints.ts';
import { cutDeep } from './fit-schema.ts';
import { elementOf, membersOf } from './look.ts';
import { type RequestModel, type RequestReader, requestOf } from './requests.ts';
import type { Schemas } from './schemas.ts';

/** What contexts are read with. */
export interface ContextReader extends RequestReader {
  /** Of what the API answers. */
  readonly answers: Schemas;
  readonly takeType: (wanted: string, endpoint: Endpoint) => string;
}

/** Why an endpoint is no context, or what it is. */
export type Judged =
  | { readonly kind: 'item'; readonly read: ReadEndpoint }
  | {
      readonly kind: 'list';
      readonly read: ReadEndpoint;
      readonly element: JsonSchema;
      readonly items: string;
    }
  | { readonly kind: 'neither'; readonly read: ReadEndpoint; readonly reason: string };

/** An endpoint with its request and what it answers. */
export interface ReadEndpoint {
  readonly endpoint: Endpoint;
  readonly request: RequestModel;
  /** The schema of the answer; undefined: it is no JSON. */
  readonly schema: JsonSchema | undefined;
  readonly media: Located<JsonObject> | undefined;
}

const jsonTypes = [/^application\/json\b/, /[/+]json\b/];

/** Judges what a GET is: an item by its key, the list of one, or neither. */
export function judge(reader: ContextReader, endpoint: Endpoint): Judged {
  const request = requestOf(reader, endpoint);
  const content = contentOf(reader.document, endpoint.answer, jsonTypes);
  const isJson = content !== undefined && jsonTypes.some((each) => each.test(content.type));
  const at = content && pointerTo(content.media.pointer, 'schema');
  const schema =
    isJson && at ? cutDeep(reader.answers.convert(content.media.value.schema, at)) : undefined;
  const read = { endpoint, request, schema, media: isJson ? content.media : undefined };
  const neither = (reason: string): Judged => ({ kind: 'neither', read, reason });
  if (endpoint.method !== 'GET') return neither('it may change something');
  if (
    request.spec.bodyType !== undefined &&
    request.arguments.some((each) => each.where === 'body' && each.required)
  )
    return neither('it needs a body');
  const needed = request.arguments.filter(
    ({ required, where, name }) => required && where !== 'path' && !hasValue(request, name),
  );
  if (needed.length > 0) {
    return neither(`it needs the parameter ${needed.map(({ name }) => name).join(', ')}`);
  }
  if (endpoint.answer === undefined) return neither('the document states no answer');
  const last = endpoint.path.split('/').at(-1) ?? '';
  const list = schema && listOfItems(reader, schema, endpoint);
  const hasKey = keyParametersOf(endpoint).length > 0;
  if (list && !last.includes('{')) return { kind: 'list', read, ...list };
  if (!hasKey) return neither('no part of its path is a key');
  if (list && schema && elementOf(schema, reader.answers.definitions)) {
    return neither('it answers with a list');
  }
  return { kind: 'item', read };
}

function hasValue({ spec }: RequestModel, name: string): boolean {
  return spec.parameters.some(
    (each) => (each.argument ?? each.name) === name && each.value !== undefined,
  );
}

/** The parameters in a path, in its order. */
export function keyParametersOf({ path }: Endpoint): string[] {
  return [...new Set([...path.matchAll(/\{([^}]+)\}/g)].map(([, name = '']) => name))];
}

/** Where the list stands in an answer: the body itself, or its one member that is a list of objects. */
function listOfItems(reader: ContextReader, schema: JsonSchema, endpoint: Endpoint) {
  const { definitions } = reader.answers;
  const own = elementOf(schema, definitions);
  if (own) return { element: own, items: '' };
  const lists = [...membersOf(schema, definitions)].flatMap(([name, held]) => {
    const element = elementOf(held, definitions);
    return element && membersOf(element, definitions).size > 0 ? [{ name, element }] : [];
  });
  const resource = wordsOf(lastWord(endpoint.path)).join(' ');
  const usual = ['data', 'items', 'results', 'entries', 'records', 'values', 'value', 'list'];
  const chosen =
    lists.find(({ name }) => wordsOf(name).join(' ') === resource) ??
    lists.find(({ name }) => usual.includes(name.toLowerCase())) ??
    (lists.length === 1 ? lists[0] : undefined);
  return chosen && { element: chosen.element, items: pointerTo('', chosen.name) };
}

/** The last segment of a path that is no parameter, without the ending of a file. */
export function lastWord(path: string): string {
  const fixed = path.split('/').filter((each) => each !== '' && !each.includes('{'));
  return (fixed.at(-1) ?? '').replace(/\.(?:json|xml)$/, '');
}
