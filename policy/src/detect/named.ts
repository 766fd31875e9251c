/** Whether the name of the field, or the words before a place, say what stands there. */
export function isNamed(names: RegExp, field: string, before: string): boolean {
  return names.test(field) || names.test(before);
}
