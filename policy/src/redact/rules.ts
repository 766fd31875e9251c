import { pointerFault } from '@weir/kit/cleaning/json-pointer';
import { compileSelection, type Selection } from '@weir/kit/cleaning/selection';
import type { Fields, Obligation, Redact } from '@weir/sdk/gen/weir/policy/v1/policy_pb';
import { detectorOf } from '../detect/detectors.ts';
import { compilePattern } from '../detect/patterns.ts';
import { createSearch, type Search } from '../detect/search.ts';

/** What is done to the fields at one pointer. */
export type Rule =
  | { readonly kind: 'drop' | 'hash'; readonly pointer: string }
  | { readonly kind: 'mask'; readonly pointer: string; readonly keepLast: number }
  | { readonly kind: 'truncate'; readonly pointer: string; readonly characters: number }
  | { readonly kind: 'search'; readonly pointer: string; readonly search: Search };

/** A set of obligations, made ready. */
export interface Rules {
  readonly list: readonly Rule[];
  /** Where in the tree of a value each of the list counts. */
  readonly selection: Selection;
}

/** What the schema of a type says: pointers of the fields that it tags, with "*". */
export type Tagged = (tag: string) => readonly string[];

/** Makes obligations ready; undefined: they ask for what is not known here. Never throws. */
export function compileRules(list: readonly Obligation[], tagged: Tagged): Rules | undefined {
  const rules: Rule[] = [];
  const everywhere: Redact[] = [];
  try {
    for (const { kind } of list) {
      if (kind.case === 'redact' && isWhole(kind.value.fields)) everywhere.push(kind.value);
      else rules.push(...rulesOf(kind, tagged));
    }
    if (everywhere.length > 0)
      rules.push({ kind: 'search', pointer: '', search: searchOf(everywhere) });
  } catch {
    return undefined;
  }
  return { list: rules, selection: compileSelection(rules.map(({ pointer }) => [pointer])) };
}

function rulesOf(kind: Obligation['kind'], tagged: Tagged): Rule[] {
  switch (kind.case) {
    case 'drop':
    case 'hash':
      return pointersOf(kind.value.fields, tagged).map((pointer) => ({ kind: kind.case, pointer }));
    case 'mask': {
      const { keepLast } = kind.value;
      return pointersOf(kind.value.fields, tagged).map((pointer) => ({
        kind: 'mask',
        pointer,
        keepLast,
      }));
    }
    case 'truncate': {
      const { characters } = kind.value;
      return pointersOf(kind.value.fields, tagged).map((pointer) => ({
        kind: 'truncate',
        pointer,
        characters,
      }));
    }
    case 'redact': {
      const search = searchOf([kind.value]);
      return pointersOf(kind.value.fields, tagged).map((pointer) => ({
        kind: 'search',
        pointer,
        search,
      }));
    }
    case 'capAge':
    case 'requirePurpose':
      return [];
    case undefined:
      throw new Error('an obligation of a kind that is not known');
  }
}

function isWhole(fields: Fields | undefined): boolean {
  return fields === undefined || (fields.pointers.length === 0 && fields.tags.length === 0);
}

function pointersOf(fields: Fields | undefined, tagged: Tagged): string[] {
  if (fields === undefined || isWhole(fields)) throw new Error('names no field');
  const pointers = new Set([...fields.pointers, ...fields.tags.flatMap((tag) => tagged(tag))]);
  for (const pointer of fields.pointers) {
    if (pointerFault(pointer) !== undefined) throw new Error('no pointer');
  }
  return [...pointers];
}

/** One search for all that several obligations look for. */
function searchOf(some: readonly Redact[]): Search {
  const names = new Set(some.flatMap(({ detectors }) => detectors));
  const detectors = [...names].map((name) => {
    const detector = detectorOf(name);
    if (detector === undefined) throw new Error(`no detector is called ${name}`);
    return detector;
  });
  return createSearch({
    detectors,
    patterns: some.flatMap(({ patterns }) => patterns).map(compilePattern),
  });
}
