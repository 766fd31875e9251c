/**
 * Says where something is not as expected; empty when it is. An object may hold more than is
 * expected, an array holds exactly so many. In place of a value may stand `{ $count: n }` (an array of
 * so many), `{ $each: value }` (every element is so), `{ $like: regexp }`, `{ $unlike: regexp }`,
 * `{ $below: n }` and `{ $absent: true }`.
 */
export function mismatches(expected: unknown, actual: unknown, place = 'it'): string[] {
  if (Array.isArray(expected)) {
    if (!Array.isArray(actual)) return [differs(place, expected, actual)];
    const lengths = expected.length === actual.length ? [] : [wrongCount(place, expected, actual)];
    return [
      ...lengths,
      ...expected.flatMap((each, index) => mismatches(each, actual[index], `${place}[${index}]`)),
    ];
  }
  if (!isObject(expected)) {
    return Object.is(expected, actual) ? [] : [differs(place, expected, actual)];
  }
  const [first] = Object.keys(expected);
  if (first?.startsWith('$')) return asked(expected, actual, place);
  if (!isObject(actual)) return [differs(place, expected, actual)];
  return Object.entries(expected).flatMap(([name, each]) =>
    mismatches(each, actual[name], `${place}.${name}`),
  );
}

function asked(expected: Record<string, unknown>, actual: unknown, place: string): string[] {
  return Object.entries(expected).flatMap(([name, value]) => {
    switch (name) {
      case '$count':
        return Array.isArray(actual) && actual.length === value
          ? []
          : [wrongCount(place, { length: value as number }, actual)];
      case '$each':
        return Array.isArray(actual)
          ? actual.flatMap((each, index) => mismatches(value, each, `${place}[${index}]`))
          : [differs(place, expected, actual)];
      case '$like':
        return new RegExp(String(value), 'u').test(String(actual))
          ? []
          : [differs(place, expected, actual)];
      case '$unlike':
        return new RegExp(String(value), 'u').test(String(actual))
          ? [differs(place, expected, actual)]
          : [];
      case '$below':
        return Number(actual) < Number(value) ? [] : [differs(place, expected, actual)];
      case '$absent':
        return actual === undefined || actual === null ? [] : [differs(place, expected, actual)];
      default:
        throw new TypeError(`${name} is nothing to expect`);
    }
  });
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function wrongCount(place: string, expected: { length: number }, actual: unknown): string {
  const count = Array.isArray(actual) ? actual.length : brief(actual);
  return `${place} has ${count} elements, not ${expected.length}`;
}

function differs(place: string, expected: unknown, actual: unknown): string {
  return `${place} is ${brief(actual)}, not ${brief(expected)}`;
}

function brief(value: unknown): string {
  const text = JSON.stringify(value) ?? 'not there';
  return text.length > 300 ? `${text.slice(0, 300)}…` : text;
}
