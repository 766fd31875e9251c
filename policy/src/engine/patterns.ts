/** Whether one of a list of patterns fits a text: "*" at the end stands for any rest. */
export function fitsAny(patterns: readonly string[], text: string): boolean {
  return patterns.some((pattern) =>
    pattern.endsWith('*') ? text.startsWith(pattern.slice(0, -1)) : pattern === text,
  );
}

/** What is filed under patterns, found again by what they fit. */
export interface PatternTable<Filed> {
  add(pattern: string, filed: Filed): void;
  /** Calls `take` for all that is filed under a pattern that fits; some perhaps more than once. */
  find(text: string, take: (filed: Filed) => void): void;
  /** How often `find` would call, without calling. */
  count(text: string): number;
}

/** Makes a table whose search takes one look-up for each length of a prefix, however many there are. */
export function createPatternTable<Filed>(): PatternTable<Filed> {
  const exact = new Map<string, Filed[]>();
  const prefixes = new Map<string, Filed[]>();
  const lengths: number[] = [];
  return {
    add(pattern, filed) {
      const prefix = pattern.endsWith('*') ? pattern.slice(0, -1) : undefined;
      const [table, text] = prefix === undefined ? [exact, pattern] : [prefixes, prefix];
      const list = table.get(text);
      if (list) list.push(filed);
      else table.set(text, [filed]);
      if (prefix !== undefined && !lengths.includes(prefix.length)) lengths.push(prefix.length);
    },
    find(text, take) {
      exact.get(text)?.forEach(take);
      for (const length of lengths) {
        if (length <= text.length) prefixes.get(text.slice(0, length))?.forEach(take);
      }
    },
    count(text) {
      let sum = exact.get(text)?.length ?? 0;
      for (const length of lengths) {
        if (length <= text.length) sum += prefixes.get(text.slice(0, length))?.length ?? 0;
      }
      return sum;
    },
  };
}
