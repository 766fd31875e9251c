import { DocumentError, type DocumentFault, documentError } from './document-error.ts';
import { isObject, type Json, type JsonObject, pointerTo } from './json.ts';
import { type Loader, type Place, placeName } from './load-text.ts';
import { parseText } from './parse-text.ts';

/** Where the files lie in a document that was made whole: by their number. */
export const externalKey = 'x-weir-external';
/** Files that a document may refer to, and what they may hold together, in characters. */
export const externalMaxFiles = 5_000;
const externalMaxChars = 128 * 1024 * 1024;
/** References of all files together. */
export const referencesMax = 200_000;

/** A document made whole. */
export interface Bundled {
  /** Every reference in it is local. The other files lie in `x-weir-external`. */
  readonly root: JsonObject;
  /** The names of the other files, by their number. */
  readonly files: readonly string[];
}

interface Reference {
  readonly holder: JsonObject;
  readonly pointer: string;
  readonly text: string;
}

/**
 * Brings the files that a document refers to into it, as they are, and makes their references local.
 * Changes `root`. Throws DocumentError with all references that cannot be followed.
 */
export async function bundle(
  root: JsonObject,
  loader: Loader,
  { allowExternal }: { readonly allowExternal: boolean },
): Promise<Bundled> {
  const numbers = new Map<string, number>();
  const contents: Json[] = [];
  const places: Place[] = [];
  const faults: DocumentFault[] = [];
  const budget = { references: 0, characters: 0 };
  const prefixOf = (place: Place): string | undefined => {
    const name = placeName(place);
    if (name === placeName(loader.root)) return '';
    const number = numbers.get(name);
    return number === undefined ? undefined : `/${externalKey}/${number}`;
  };
  const bring = async (place: Place): Promise<string> => {
    const known = prefixOf(place);
    if (known !== undefined) return known;
    if (places.length >= externalMaxFiles) {
      throw documentError(placeName(place), `is one file too many; at most ${externalMaxFiles}`);
    }
    const text = await loader.load(place);
    budget.characters += text.length;
    if (budget.characters > externalMaxChars) {
      throw documentError(
        placeName(place),
        `all files hold more than ${externalMaxChars} characters`,
      );
    }
    contents.push(parseText(text, placeName(place)));
    numbers.set(placeName(place), places.push(place) - 1);
    return `/${externalKey}/${places.length - 1}`;
  };
  const follow = async (from: Place, { holder, pointer, text }: Reference): Promise<void> => {
    budget.references += 1;
    if (budget.references > referencesMax) {
      throw documentError(placeName(from), `has more than ${referencesMax} references`);
    }
    const own = prefixOf(from) ?? '';
    const [file = '', fragment = ''] = text.split('#');
    if (file === '') {
      holder.$ref = `#${own}${fragment}`;
      return;
    }
    if (!allowExternal) {
      const mend = 'allow such references with --allow-external, or put it into the document';
      faults.push({ place: `#${pointer}`, text: `refers to ${file}, outside of it; ${mend}` });
      return;
    }
    try {
      holder.$ref = `#${await bring(loader.resolve(from, decodeURI(file)))}${fragment}`;
    } catch (error) {
      if (!(error instanceof DocumentError)) throw error;
      const [fault] = error.faults;
      faults.push({
        place: `${placeName(from)}#${pointer}`,
        text: `${fault?.place} ${fault?.text}`,
      });
    }
  };
  for (const reference of referencesOf(root)) await follow(loader.root, reference);
  for (let next = 0; next < contents.length && faults.length === 0; next += 1) {
    const place = places[next];
    if (place === undefined) break;
    for (const reference of referencesOf(contents[next])) await follow(place, reference);
  }
  if (faults.length > 0) throw new DocumentError(faults);
  if (contents.length > 0) root[externalKey] = contents;
  return { root, files: places.map(placeName) };
}

/** What tools keep for themselves, and what only people read, is not looked into. */
const ignored = /^x-|^(?:tags|description|externalDocs)$/;

function referencesOf(root: Json | undefined): Reference[] {
  const found: Reference[] = [];
  const pending: { value: unknown; pointer: string; isMap: boolean }[] = [
    { value: root, pointer: '', isMap: false },
  ];
  for (let visit = pending.pop(); visit !== undefined; visit = pending.pop()) {
    const { value, pointer, isMap } = visit;
    if (Array.isArray(value)) {
      value.forEach((held, index) => {
        pending.push({ value: held, pointer: pointerTo(pointer, index), isMap: false });
      });
    }
    if (!isObject(value)) continue;
    if (typeof value.$ref === 'string') found.push({ holder: value, pointer, text: value.$ref });
    for (const [name, held] of Object.entries(value)) {
      // Members of a value may be called as those of a schema are.
      if (!isMap && ignored.test(name)) continue;
      const path = pointerTo(pointer, name);
      pending.push({ value: held, pointer: path, isMap: !isMap && name === 'properties' });
    }
  }
  return found.reverse();
}
