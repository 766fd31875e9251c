import type { Pattern } from '@weir/sdk/gen/weir/policy/v1/policy_pb';
import { RE2JS } from 're2js';
import type { Findings } from './model.ts';

/** The longest expression that is accepted. */
const EXPRESSION_MAX_CHARS = 512;
/** A text is searched in pieces of this size, so that the time can be looked at between them. */
const PIECE_MAX_CHARS = 16 * 1024;
/** By how much pieces overlap: what is longer may be missed where two meet. */
const OVERLAP_CHARS = 1024;
/** How long the patterns of one value may take in all, in ms; beyond it the value is refused. */
export const PATTERNS_MAX_MS = 800;

/** A pattern of one's own, ready to search. */
export interface CompiledPattern {
  readonly name: string;
  readonly expression: RE2JS;
}

/** Patterns are shared by the sets that hold them. */
const compiled = new WeakMap<Pattern, CompiledPattern>();

/** Compiles a pattern, once; throws what `patternFault` tells. */
export function compilePattern(pattern: Pattern): CompiledPattern {
  const known = compiled.get(pattern);
  if (known) return known;
  const fault = patternFault(pattern.expression);
  if (fault !== undefined) throw new Error(`the pattern ${pattern.name} ${fault}`);
  const made = { name: pattern.name, expression: RE2JS.compile(pattern.expression) };
  compiled.set(pattern, made);
  return made;
}

/** Says what is wrong with the expression of a pattern; undefined: nothing. Never throws. */
export function patternFault(expression: string): string | undefined {
  if (expression === '') return 'is empty';
  if (expression.length > EXPRESSION_MAX_CHARS) {
    return `is longer than ${EXPRESSION_MAX_CHARS} characters`;
  }
  try {
    RE2JS.compile(expression);
    return undefined;
  } catch (fault) {
    return `is no expression of RE2: ${fault instanceof Error ? fault.message : String(fault)}`;
  }
}

/**
 * Finds what a pattern matches. One match takes time linear in the text, but all of them together
 * may not, so their time is bounded as well.
 */
export function findPattern(
  { name, expression }: CompiledPattern,
  text: string,
  findings: Findings,
): void {
  const startedAt = performance.now();
  let now = startedAt;
  const isSpent = () => findings.patternsMs + now - startedAt > PATTERNS_MAX_MS;
  const isLast = (from: number) => from + PIECE_MAX_CHARS >= text.length;
  for (let from = 0; from === 0 || from + OVERLAP_CHARS < text.length; ) {
    const piece = text.slice(from, from + PIECE_MAX_CHARS);
    // Most texts hold none, and this is several times quicker than a matcher.
    const matcher = expression.test(piece) ? expression.matcher(piece) : undefined;
    while (!isSpent() && matcher?.find()) {
      const start = matcher.start();
      const end = matcher.end();
      const isAnotherPieces = isAtEdge(start, end, { isFirst: from === 0, isLast: isLast(from) });
      if (end > start && !isAnotherPieces) {
        findings.finds.push({ start: from + start, end: from + end, kind: name });
      }
      now = performance.now();
    }
    now = performance.now();
    if (isSpent()) {
      findings.isExhausted = true;
      break;
    }
    from += PIECE_MAX_CHARS - OVERLAP_CHARS;
  }
  findings.patternsMs += now - startedAt;
}

/** Whether the piece before or behind sees a match better, which may owe it to the edge of this. */
function isAtEdge(
  start: number,
  end: number,
  { isFirst, isLast }: { isFirst: boolean; isLast: boolean },
): boolean {
  if (start === 0 && !isFirst && end < OVERLAP_CHARS) return true;
  return end === PIECE_MAX_CHARS && !isLast && start > PIECE_MAX_CHARS - OVERLAP_CHARS;
}
