/** The fields named in one note, at most. */
const NAMED_MAX = 8;

/** The share of fields that a value has, neither absent, null nor empty. No fields: not known. */
export function completenessOf(
  value: unknown,
  fields: readonly (readonly string[])[],
): { completeness?: number; notes: readonly string[] } {
  if (fields.length === 0) return { notes: [] };
  const missing = fields.filter((segments) => isEmpty(at(value, segments)));
  const completeness = 1 - missing.length / fields.length;
  if (missing.length === 0) return { completeness, notes: [] };
  const named = missing.slice(0, NAMED_MAX).map(pointerText).join(', ');
  const more = missing.length > NAMED_MAX ? ` and ${missing.length - NAMED_MAX} more` : '';
  return { completeness, notes: [`without ${named}${more}`] };
}

function at(value: unknown, segments: readonly string[]): unknown {
  let held = value;
  for (const segment of segments) {
    if (typeof held !== 'object' || held === null || !Object.hasOwn(held, segment))
      return undefined;
    held = (held as Record<string, unknown>)[segment];
  }
  return held;
}

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null || value === '') return true;
  return typeof value === 'object' && Object.keys(value).length === 0;
}

function pointerText(segments: readonly string[]): string {
  return segments.map((each) => `/${each.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}
