const range = /^(\^|~|=?)\s*v?(\d+)(?:\.(\d+))?(?:\.(\d+))?$/;

/**
 * Whether a version lies in a range. Understands what refs in tests use: nothing, `*`, a whole
 * or partial version, and `^` or `~` before it. Undefined: the range is not understood.
 */
export function isInRange(version: string, text: string): boolean | undefined {
  const wanted = text.trim();
  if (wanted === '' || wanted === '*' || wanted === version) return true;
  const parsed = range.exec(wanted);
  if (parsed === null) return undefined;
  const [, operator = '', ...texts] = parsed;
  const given = texts.filter((part) => part !== undefined).map(Number);
  const parts = version.split(/[.+-]/, 3).map(Number);
  if (version.includes('-')) return false;
  const fixed = fixedParts(operator, given);
  if (given.slice(0, fixed).some((part, index) => part !== parts[index])) return false;
  return compare(parts, given) >= 0;
}

/** How many leading parts must be the same. */
function fixedParts(operator: string, given: readonly number[]): number {
  if (operator === '~') return Math.min(2, given.length);
  if (operator !== '^') return given.length;
  const firstSet = given.findIndex((part) => part > 0);
  return firstSet === -1 ? given.length : firstSet + 1;
}

/** Compares versions part by part; a part left out counts as 0. */
export function compare(a: readonly number[], b: readonly number[]): number {
  for (const index of [0, 1, 2]) {
    const difference = (a[index] ?? 0) - (b[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
