import { eachDigitGroups } from './digit-groups.ts';
import { digitCount, type Features, featuresOf, HAS_ESCAPES, IS_FOREIGN } from './features.ts';
import {
  type Detector,
  type DigitsDetector,
  type Find,
  type FindingsIn,
  isSpent,
  type TextDetector,
} from './model.ts';
import { type CompiledPattern, findPattern } from './patterns.ts';
import { sourceOf, viewsOf } from './view.ts';

/**
 * Searches a text with some detectors and patterns, in all the ways to read it, and adds what it
 * finds to the findings; they may overlap.
 */
export type Search = (text: string, found: FindingsIn) => void;

/** What a search is made of. */
export interface SearchParts {
  readonly detectors: readonly Detector[];
  readonly patterns: readonly CompiledPattern[];
}

/** Makes a search. */
export function createSearch({ detectors, patterns }: SearchParts): Search {
  const ofTexts = detectors.filter((each): each is TextDetector => 'find' in each);
  const ofDigits = detectors.filter((each): each is DigitsDetector => 'findInDigits' in each);
  const leastDigits = Math.min(...ofDigits.map(({ minDigits }) => minDigits));

  const searchOne = (text: string, features: Features, found: FindingsIn) => {
    const { findings } = found;
    findings.scanned += text.length;
    for (const each of ofTexts) if (each.mayHold(features, text)) each.find(text, found);
    const digits = digitCount(features);
    if (digits >= leastDigits) {
      findings.scanned += text.length;
      eachDigitGroups(text, (groups) => {
        if (groups.digits < leastDigits) return;
        for (const each of ofDigits) {
          if (groups.digits >= each.minDigits) each.findInDigits(text, groups, found);
        }
      });
    }
    if (isSpent(findings)) return;
    for (const each of patterns) findPattern(each, text, findings);
  };

  return (text, found) => {
    if (isSpent(found.findings)) return;
    const features = featuresOf(text);
    if ((features & (IS_FOREIGN | HAS_ESCAPES)) === 0) return searchOne(text, features, found);
    const { findings } = found;
    const before = findings.finds;
    for (const view of viewsOf(text, features)) {
      if (isSpent(findings)) break;
      findings.steps += view.text.length;
      findings.finds = [];
      searchOne(view.text, view.text === text ? features : featuresOf(view.text), found);
      for (const { start, end, kind } of findings.finds) {
        before.push({ ...sourceOf(view, start, end), kind });
      }
    }
    findings.finds = before;
  };
}

/** Puts finds in order, those that overlap as one, named by the longest of them. */
export function merged(finds: readonly Find[]): readonly Find[] {
  if (finds.length < 2) return finds;
  const inOrder = [...finds].sort((a, b) => a.start - b.start || b.end - a.end);
  const all: Find[] = [];
  let longest = 0;
  for (const find of inOrder) {
    const last = all.at(-1);
    const length = find.end - find.start;
    if (last === undefined || find.start >= last.end) {
      all.push(find);
      longest = length;
      continue;
    }
    const kind = length > longest ? find.kind : last.kind;
    longest = Math.max(longest, length);
    all[all.length - 1] = { start: last.start, end: Math.max(last.end, find.end), kind };
  }
  return all;
}

/** A text with the kinds of what was found in its place; `finds` are merged. */
export function replaced(text: string, finds: readonly Find[]): string {
  let made = '';
  let at = 0;
  for (const { start, end, kind } of finds) {
    made += `${text.slice(at, start)}[${kind}]`;
    at = end;
  }
  return made + text.slice(at);
}
