/** What stands for all names that are not told apart. */
export const otherName = 'other';

/**
 * Bounds the names that become labels: the first `max` are told apart, for as long as the process
 * lives, since a series that was shown cannot be taken back; all others are `other`.
 */
export function createBoundedNames(max: number): (name: string) => string {
  const known = new Set<string>();
  return (name) => {
    if (known.has(name)) return name;
    if (known.size >= max) return otherName;
    known.add(name);
    return name;
  };
}
