/**
 * The names that patterns mean, each once; `*` stands for any text.
 *
 * @throws {TypeError} for a pattern that means none.
 */
export function chosenNames(names: readonly string[], patterns: readonly string[]): string[] {
  const chosen = patterns.flatMap((pattern) => {
    const form = patternOf(pattern);
    const found = names.filter((name) => form.test(name));
    if (found.length > 0) return found;
    const some = names.slice(0, 5).join(', ') || 'none';
    throw new TypeError(`no operation is called "${pattern}"; there are: ${some}`);
  });
  return [...new Set(chosen)];
}

/** A pattern in which `*` stands for any text. */
export function patternOf(pattern: string): RegExp {
  const parts = pattern.split('*').map((part) => part.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`, 's');
}
