import { DocumentError, documentError } from '../read/document-error.ts';
import {
  isObject,
  type Json,
  type JsonObject,
  listOf,
  objectOf,
  pointerTo,
  textOf,
} from '../read/json.ts';
import type { ApiDocument, Located } from '../read/read-document.ts';
import type { Note } from './model.ts';

/** A request that a document describes, with its references followed as far as schemas. */
export interface Endpoint {
  readonly method: string;
  /** As it stands in the document. */
  readonly path: string;
  readonly pointer: string;
  readonly operation: JsonObject;
  /** Of the operation and its path; those of the operation win. */
  readonly parameters: readonly Located<JsonObject>[];
  readonly body: Located<JsonObject> | undefined;
  /** The answer of a success. */
  readonly answer: Located<JsonObject> | undefined;
  /** Servers that stand nearer than those of the document. */
  readonly servers: Json | undefined;
}

const methods = ['get', 'head', 'options', 'post', 'put', 'patch', 'delete', 'trace'];
/** Operations of one document. */
export const endpointsMax = 5_000;

/** All requests of a document, in its order. Throws DocumentError. */
export function endpointsOf(document: ApiDocument, notes: Note[]): Endpoint[] {
  const faults: { place: string; text: string }[] = [];
  const paths = objectOf(document.root.paths);
  const found = Object.entries(paths).flatMap(([path, item]) => {
    if (!path.startsWith('/')) return [];
    if (/[\p{Cc}\p{Zl}\p{Zp}]/u.test(path)) {
      const place = `#${pointerTo('', 'paths', path)}`;
      faults.push({ place, text: 'holds control characters, which no path can' });
      return [];
    }
    try {
      return endpointsOfPath(document, { path, item, notes });
    } catch (error) {
      if (!(error instanceof DocumentError)) throw error;
      faults.push(...error.faults);
      return [];
    }
  });
  if (faults.length > 0) throw new DocumentError(faults);
  for (const name of Object.keys(objectOf(document.root.webhooks))) {
    const place = `#${pointerTo('', 'webhooks', name)}`;
    notes.push({ place, text: 'webhooks are not supported: nobody is called' });
  }
  if (found.length > endpointsMax) {
    throw documentError(
      '#/paths',
      `has ${found.length} operations; at most ${endpointsMax} are read`,
    );
  }
  return found;
}

function endpointsOfPath(
  document: ApiDocument,
  { path, item, notes }: { readonly path: string; readonly item: Json; readonly notes: Note[] },
): Endpoint[] {
  const { value, pointer } = document.follow(item, pointerTo('', 'paths', path));
  if (!isObject(value)) throw documentError(document.placeOf(pointer), 'is no path item');
  for (const name of ['query', 'additionalOperations']) {
    if (value[name] === undefined) continue;
    const text = `${name} of OpenAPI 3.2 is not supported: providers know the methods of HTTP/1.1`;
    notes.push({ place: document.placeOf(pointerTo(pointer, name)), text });
  }
  return methods.flatMap((method) => {
    if (value[method] === undefined) return [];
    const at = document.follow(value[method], pointerTo(pointer, method));
    if (!isObject(at.value)) {
      throw documentError(document.placeOf(at.pointer), 'is no operation; write an object');
    }
    const operation = at.value;
    if (operation.callbacks !== undefined) {
      const text = 'callbacks are not supported: nobody is there to be called';
      notes.push({ place: `${method.toUpperCase()} ${path}`, text });
    }
    return [
      {
        method: method.toUpperCase(),
        path,
        pointer: at.pointer,
        operation,
        parameters: parametersOf(document, [
          { value: value.parameters ?? null, pointer: pointerTo(pointer, 'parameters') },
          { value: operation.parameters ?? null, pointer: pointerTo(at.pointer, 'parameters') },
        ]),
        body: followObject(document, operation.requestBody, pointerTo(at.pointer, 'requestBody')),
        answer: answerOf(document, operation, at.pointer),
        servers: operation.servers ?? value.servers,
      },
    ];
  });
}

function parametersOf(document: ApiDocument, groups: readonly Located[]): Located<JsonObject>[] {
  const byName = new Map<string, Located<JsonObject>>();
  for (const { value, pointer } of groups) {
    listOf(value).forEach((each, index) => {
      const found = followObject(document, each, pointerTo(pointer, index));
      const name = textOf(found?.value.name);
      const where = textOf(found?.value.in);
      if (!found || name === undefined || where === undefined) {
        const place = document.placeOf(pointerTo(pointer, index));
        throw documentError(place, 'is no parameter: it needs name and in');
      }
      byName.set(`${where} ${name}`, found);
    });
  }
  return [...byName.values()];
}

function answerOf(document: ApiDocument, operation: JsonObject, pointer: string) {
  const responses = objectOf(operation.responses);
  const status =
    ['200', '201', '202', '203', '204', '206', '2XX', '2xx'].find((each) => responses[each]) ??
    (Object.keys(responses).length === 1 && responses.default ? 'default' : undefined);
  if (status === undefined) return undefined;
  return followObject(document, responses[status], pointerTo(pointer, 'responses', status));
}

function followObject(document: ApiDocument, value: Json | undefined, pointer: string) {
  if (value === undefined) return undefined;
  const found = document.follow(value, pointer);
  if (isObject(found.value)) return { value: found.value, pointer: found.pointer };
  throw documentError(document.placeOf(found.pointer), 'has to be an object');
}

/** How an endpoint is called towards people. */
export function endpointName({ method, path }: Pick<Endpoint, 'method' | 'path'>): string {
  return `${method} ${path}`;
}

/** Its name in the document, or one made of method and path. */
export function endpointId({ method, path, operation }: Endpoint): string {
  const id = textOf(operation.operationId);
  return id !== undefined && id.trim() !== '' ? id.trim() : `${method.toLowerCase()}${path}`;
}

/** The first media type that fits, of the content of a body or an answer. */
export function contentOf(
  document: ApiDocument,
  holder: Located<JsonObject> | undefined,
  preferred: readonly RegExp[],
): { readonly type: string; readonly media: Located<JsonObject> } | undefined {
  const content = objectOf(holder?.value.content);
  const types = Object.keys(content);
  const type =
    preferred.map((pattern) => types.find((each) => pattern.test(each))).find(Boolean) ?? types[0];
  if (holder === undefined || type === undefined) return undefined;
  const media = followObject(document, content[type], pointerTo(holder.pointer, 'content', type));
  return media && { type, media };
}
