/** The steps from the root of a manifest to a place in it. */
export type Path = readonly (string | number)[];

/** Something wrong with a manifest. */
export interface Fault {
  readonly path: Path;
  /** What is wrong and how to mend it. */
  readonly text: string;
  /** Where within the text at the path, in UTF-16 units. Absent: it is about the whole. */
  readonly offset?: number;
}

/** A place in a document, counted from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** Where the thing at a path, or the nearest thing around it, stands; if that is known. */
export function placeOf(
  path: Path,
  ...known: readonly ReadonlyMap<string, Position>[]
): Position | undefined {
  for (let length = path.length; length >= 0; length -= 1) {
    const text = pathText(path.slice(0, length));
    const at = known.map((places) => places.get(text)).find((place) => place !== undefined);
    if (at) return at;
  }
  return undefined;
}

/** A path as people write it, such as `contexts[0].ttl`. */
export function pathText(path: Path): string {
  return path
    .map((step, index) => {
      if (typeof step === 'number') return `[${step}]`;
      const plain = /^[A-Za-z_$][\w$-]*$/.test(step);
      if (!plain) return `[${JSON.stringify(step)}]`;
      return index === 0 ? step : `.${step}`;
    })
    .join('');
}
