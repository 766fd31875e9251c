/** A text, number or null within JSON. A number is its source, so that no digit is lost. */
export type Leaf =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'number'; readonly source: string }
  | { readonly kind: 'null' };

/** Mends a leaf; what needs no mending is returned as it is. */
export type Mend = (leaf: Leaf) => Leaf;

/** A leaf in JSON. */
export function leafJson(leaf: Leaf): string {
  switch (leaf.kind) {
    case 'text':
      return JSON.stringify(leaf.text);
    case 'number':
      return leaf.source;
    case 'null':
      return 'null';
  }
}

/** Makes a mend out of one of texts; undefined: the text stays. */
export function mendText(mend: (text: string) => Leaf | undefined): Mend {
  return (leaf) => (leaf.kind === 'text' ? (mend(leaf.text) ?? leaf) : leaf);
}
