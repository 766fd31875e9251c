const comment = /^# (?:HELP|TYPE|UNIT) ([^ ]+)/;

/**
 * Joins texts in the format of Prometheus: what one metric has in any of them stands together, as
 * the format asks for, with the comments of the first that has it. Each text must tell its series
 * from those of the others by a label.
 */
export function joinExpositions(texts: readonly string[]): string {
  const comments = new Map<string, string[]>();
  const samples = new Map<string, string[]>();
  for (const text of texts) {
    const seen = new Set(comments.keys());
    let family = '';
    for (const line of text.split('\n')) {
      if (line === '') continue;
      const [, named] = comment.exec(line) ?? [];
      if (named === undefined) listOf(samples, family).push(line);
      else if (!seen.has(named)) listOf(comments, named).push(line);
      family = named ?? family;
    }
  }
  const families = [...comments].map(([name, own]) => [...own, ...(samples.get(name) ?? [])]);
  return `${families.flat().join('\n')}\n`;
}

function listOf(lists: Map<string, string[]>, name: string): string[] {
  const list = lists.get(name) ?? [];
  lists.set(name, list);
  return list;
}
