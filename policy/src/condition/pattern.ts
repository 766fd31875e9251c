import { RE2JS } from 're2js';
import { createBoundedMap } from '../bounded-map.ts';

/** How long a text may be that a condition matches; longer ones cannot be evaluated. */
export const matchedMaxChars = 1024;
/** How many instructions a compiled pattern of a condition may have: with the length, its cost. */
export const patternMaxSize = 64;
const patternMaxChars = 256;
const tooCostly = `the pattern is too costly; it has more than ${patternMaxSize} steps`;
/** How many compiled patterns are kept. */
const patternsKept = 2000;

const compiled = createBoundedMap<string, RE2JS>(patternsKept);

/**
 * Compiles a pattern for an engine whose time is linear in the text. Throws an Error that says
 * what is wrong with it.
 */
export function compilePattern(pattern: string): RE2JS {
  const held = compiled.get(pattern);
  if (held) return held;
  checkSize(pattern);
  const made = RE2JS.compile(pattern);
  if (made.programSize() > patternMaxSize) throw new Error(tooCostly);
  compiled.set(pattern, made);
  return made;
}

/** Whether a pattern is found anywhere in a text. Throws when the text is too long. */
export function patternFound(text: string, pattern: string): boolean {
  if (text.length > matchedMaxChars) {
    throw new Error(`matches: the text is longer than ${matchedMaxChars} characters`);
  }
  return compilePattern(pattern).test(text);
}

/** Refuses what would be large when compiled before it is: compiling takes longer than matching. */
function checkSize(pattern: string): void {
  if (pattern.length > patternMaxChars) {
    throw new Error(`the pattern is longer than ${patternMaxChars} characters`);
  }
  const counts = [...pattern.matchAll(/\{(\d+)(?:,(\d*))?\}/g)].flatMap(([, a, b]) => [a, b]);
  if (counts.some((count) => Number(count ?? 0) > patternMaxSize)) throw new Error(tooCostly);
}
