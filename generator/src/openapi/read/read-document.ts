import { upgrade } from '@scalar/openapi-upgrader';
import { type Bundled, bundle, externalKey } from './bundle.ts';
import { DocumentError, documentError } from './document-error.ts';
import { isObject, type Json, type JsonObject } from './json.ts';
import { createLoader, type LoaderOptions, placeName } from './load-text.ts';
import { lineOf, parseText } from './parse-text.ts';

/** How a document is read. */
export interface ReadOptions extends LoaderOptions {
  /** Whether references to other files are followed. */
  readonly allowExternal: boolean;
}

/** Which rules the schemas of a document follow. */
export type Dialect = '3.0' | '3.1';

/** A place in a document and what lies there. */
export interface Located<T extends Json = Json> {
  readonly value: T;
  readonly pointer: string;
}

/** A document whose references are all local. */
export interface ApiDocument {
  readonly root: JsonObject;
  /** The version that its author wrote it in, such as `3.0.3` or `2.0`. */
  readonly version: string;
  /** 2.0 was made 3.0. */
  readonly dialect: Dialect;
  /** Follows references from a place until there is a value. Throws DocumentError. */
  follow(value: Json | undefined, pointer: string): Located<Json>;
  /** How a pointer is told to people: with its line, which takes a look through the whole text. */
  placeOf(pointer: string): string;
  /** The file that a pointer leads into, empty for the document itself, and the pointer within it. */
  fileOf(pointer: string): { readonly file: string; readonly pointer: string };
}

/** Reads a document whole. Throws DocumentError, with the place of each fault. */
export async function readDocument(options: ReadOptions): Promise<ApiDocument> {
  const loader = await createLoader(options);
  const name = placeName(loader.root);
  const text = await loader.load(loader.root);
  const parsed = parseText(text, name);
  if (!isObject(parsed)) throw documentError(name, 'is no OpenAPI document: it is no object');
  const version = versionOf(parsed, name);
  const bundled = await bundle(parsed, loader, options).catch((error) => {
    throw error instanceof DocumentError ? withLines(error, text) : error;
  });
  if (version !== '2.0') return createDocument(bundled, { name, version, text });
  if (bundled.files.length > 0) {
    const mend = 'put them into the document, or write it in OpenAPI 3';
    throw documentError(name, `is of 2.0 and refers to other files; ${mend}`);
  }
  const root = upgrade(bundled.root, '3.0') as unknown as JsonObject;
  return createDocument({ ...bundled, root }, { name, version, text: '' });
}

function versionOf(root: JsonObject, name: string): string {
  const version = root.openapi ?? root.swagger;
  if (version === 2 || version === '2.0') return '2.0';
  if (typeof version === 'string' && /^3\.[012](?:\.|$)/.test(version)) return version;
  const found = version === undefined ? 'no version' : `the version ${JSON.stringify(version)}`;
  throw documentError(
    `${name}#/openapi`,
    `${found}; write one of 3.0, 3.1 and 3.2, or "swagger": "2.0"`,
  );
}

interface Source {
  readonly name: string;
  readonly version: string;
  /** Empty when pointers do not lead into it. */
  readonly text: string;
}

function createDocument({ root, files }: Bundled, { name, version, text }: Source): ApiDocument {
  const fileOf = (pointer: string) => {
    const [, key, number = '', ...rest] = pointer.split('/');
    if (key !== externalKey) return { file: '', pointer };
    return { file: files[Number(number)] ?? name, pointer: ['', ...rest].join('/') };
  };
  const placeOf = (pointer: string): string => {
    const { file, pointer: inside } = fileOf(pointer);
    if (file !== '') return `${file}#${inside}`;
    const line = text === '' ? undefined : lineOf(text, segmentsOf(pointer));
    return `#${pointer}${line === undefined ? '' : ` (line ${line})`}`;
  };
  return {
    root,
    placeOf,
    fileOf,
    version,
    dialect: /^(?:2|3\.0)/.test(version) ? '3.0' : '3.1',
    follow(value, pointer) {
      const seen = new Set<string>();
      let at: Located = { value: value ?? null, pointer };
      while (isObject(at.value) && typeof at.value.$ref === 'string') {
        const reference = at.value.$ref;
        if (seen.has(reference)) {
          throw documentError(placeOf(at.pointer), `refers to itself through ${reference}`);
        }
        seen.add(reference);
        const target = reference.replace(/^#/, '');
        const found = lookUp(root, target);
        if (found === undefined) {
          const mend = 'define it, or correct the reference';
          throw documentError(
            placeOf(at.pointer),
            `refers to ${reference}, which is not there; ${mend}`,
          );
        }
        at = { value: found, pointer: normal(target) };
      }
      return at;
    },
  };
}

/** A pointer as it is written in a reference, without the escapes of URLs. */
function normal(pointer: string): string {
  try {
    return decodeURIComponent(pointer);
  } catch {
    return pointer;
  }
}

function segmentsOf(pointer: string): string[] {
  return normal(pointer)
    .split('/')
    .slice(1)
    .map((segment) => segment.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function lookUp(root: Json, pointer: string): Json | undefined {
  let at: Json | undefined = root;
  for (const segment of segmentsOf(pointer)) {
    if (Array.isArray(at)) at = at[Number(segment)];
    else if (isObject(at) && Object.hasOwn(at, segment)) at = at[segment];
    else return undefined;
  }
  return at;
}

function withLines(error: DocumentError, text: string): DocumentError {
  return new DocumentError(
    error.faults.map(({ place, text: said }) => {
      const line = place.startsWith('#') ? lineOf(text, segmentsOf(place.slice(1))) : undefined;
      return { place: line === undefined ? place : `${place} (line ${line})`, text: said };
    }),
  );
}
