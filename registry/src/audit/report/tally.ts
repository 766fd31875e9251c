/** Names told apart; beyond that they are counted together. */
const NAMES_MAX = 10_000;

/** Counts by name. */
export interface Counts<Field extends string> {
  add(name: string, field: Field, by?: number): void;
  /** The names with the greatest counts of a field, and how many names there are. */
  top(field: Field, most: number): (readonly [name: string, counts: Record<Field, number>])[];
  readonly names: number;
}

/** Begins to count fields by name, in bounded memory. */
export function createCounts<Field extends string>(fields: readonly Field[]): Counts<Field> {
  const counts = new Map<string, Record<Field, number>>();
  const none = () => Object.fromEntries(fields.map((field) => [field, 0])) as Record<Field, number>;
  return {
    add(name, field, by = 1) {
      const known = counts.has(name) || counts.size < NAMES_MAX ? name : '…';
      const held = counts.get(known) ?? none();
      held[field] += by;
      counts.set(known, held);
    },
    top: (field, most) => [...counts].sort(([, a], [, b]) => b[field] - a[field]).slice(0, most),
    get names() {
      return counts.size;
    },
  };
}
