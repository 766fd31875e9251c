import { pointerSegments } from '@weir/kit/cleaning/json-pointer';

/** The fields that several cleaners mend, as a tree of the segments of their pointers. */
export interface Selection {
  readonly children: Map<string, Selection>;
  /** Of the segment "*". */
  every: Selection | undefined;
  /** The positions of the cleaners that mend the field here. */
  readonly cleaners: number[];
}

/** Makes the tree: by position of the cleaner, its pointers. */
export function compileSelection(fields: readonly (readonly string[])[]): Selection {
  const root = createSelection();
  fields.forEach((pointers, cleaner) => {
    for (const pointer of pointers) {
      let at = root;
      for (const segment of pointerSegments(pointer)) at = childOf(at, segment);
      if (!at.cleaners.includes(cleaner)) at.cleaners.push(cleaner);
    }
  });
  return root;
}

/** Where one segment leads from each of several places. */
export function descend(from: readonly Selection[], segment: string): readonly Selection[] {
  if (from.length === 0) return from;
  const to: Selection[] = [];
  for (const { children, every } of from) {
    const child = children.get(segment);
    if (child) to.push(child);
    if (every) to.push(every);
  }
  return to;
}

function createSelection(): Selection {
  return { children: new Map(), every: undefined, cleaners: [] };
}

function childOf(at: Selection, segment: string): Selection {
  if (segment === '*') {
    at.every ??= createSelection();
    return at.every;
  }
  const child = at.children.get(segment) ?? createSelection();
  at.children.set(segment, child);
  return child;
}
