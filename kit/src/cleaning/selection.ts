import { pointerSegments } from './json-pointer.ts';

/** The fields that several rules are about, as a tree of the segments of their pointers. */
export interface Selection {
  readonly children: Map<string, Selection>;
  /** Of the segment "*". */
  every: Selection | undefined;
  /** The positions of the rules that are about the field here. */
  readonly rules: number[];
}

/** Makes the tree: by position of the rule, its JSON Pointers, in which "*" stands for any segment. */
export function compileSelection(fields: readonly (readonly string[])[]): Selection {
  const root = createSelection();
  fields.forEach((pointers, rule) => {
    for (const pointer of pointers) {
      let at = root;
      for (const segment of pointerSegments(pointer)) at = childOf(at, segment);
      if (!at.rules.includes(rule)) at.rules.push(rule);
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
  return { children: new Map(), every: undefined, rules: [] };
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
