// The code of Huffman in headers (RFC 7541, appendix B).

/** How many bits the code of each byte has, and that of the end. Codes follow by length, then by byte. */
const codeBits = [
  ...[
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28,
  ],
  ...[28, 28, 28, 28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6],
  ...[5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7],
  ...[7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6],
  ...[15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7],
  ...[7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23],
  ...[
    24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22, 23, 23, 21,
  ],
  ...[
    23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
  ],
  ...[
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24,
  ],
  ...[
    21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
  ],
  ...[26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30],
];
const END = 256;
/** More bits of padding than this would be another byte. */
const PADDING_MAX_BITS = 7;

/** A place in the tree of codes: what each bit leads to, another place or a byte. */
interface Node {
  readonly state: number;
  /** Whether what came since the last byte may be padding: a few ones. */
  readonly isPadding: boolean;
  readonly next: [Node | number | undefined, Node | number | undefined];
}

/**
 * By state and the next four bits: the state they lead to, one more bit when they may be the last ones, and the
 * byte that they end, plus one; 0: nothing does.
 */
const STATE_BITS = 8;
const FINAL = 1 << STATE_BITS;
const BYTE_SHIFT = STATE_BITS + 1;
const steps = tabulate(growTree());

/** Decodes a text. Undefined: it is none. */
export function readHuffman(bytes: Uint8Array, from: number, to: number): string | undefined {
  const out = room(2 * (to - from));
  let length = 0;
  let step = FINAL;
  for (let at = from; at < to; at++) {
    const byte = bytes[at] as number;
    for (const bits of [byte >> 4, byte & 15]) {
      step = steps[((step & (FINAL - 1)) << 4) | bits] as number;
      if (step < 0) return undefined;
      if (step >= 1 << BYTE_SHIFT) out[length++] = (step >> BYTE_SHIFT) - 1;
    }
  }
  return (step & FINAL) === 0 ? undefined : out.toString('latin1', 0, length);
}

let scratch = Buffer.allocUnsafeSlow(1024);

/** Of five bits at least is a code. */
function room(bytes: number): Buffer {
  if (scratch.length < bytes) scratch = Buffer.allocUnsafeSlow(2 * bytes);
  return scratch;
}

function growTree(): Node[] {
  const nodes: Node[] = [];
  const grow = (isPadding: boolean): Node => {
    const node: Node = { state: nodes.length, isPadding, next: [undefined, undefined] };
    nodes.push(node);
    return node;
  };
  const root = grow(true);
  const codes = codeBits.map((bits, byte) => ({ bits, byte }));
  let code = 0;
  let before = 0;
  for (const { bits, byte } of codes.sort((a, b) => a.bits - b.bits || a.byte - b.byte)) {
    code <<= bits - before;
    before = bits;
    let node = root;
    for (let left = bits - 1; left > 0; left--) {
      const bit = ((code >> left) & 1) as 0 | 1;
      const ones = bits - left;
      const isPadding = ones <= PADDING_MAX_BITS && code >> left === (1 << ones) - 1;
      node.next[bit] ??= grow(isPadding);
      node = node.next[bit] as Node;
    }
    node.next[(code & 1) as 0 | 1] = byte;
    code += 1;
  }
  return nodes;
}

function tabulate(nodes: readonly Node[]): Int32Array {
  const table = new Int32Array(nodes.length << 4);
  const root = nodes[0] as Node;
  for (const start of nodes) {
    for (let bits = 0; bits < 16; bits++) {
      let node = start;
      let ended = 0;
      for (let left = 3; left >= 0; left--) {
        const next = node.next[((bits >> left) & 1) as 0 | 1] as Node | number;
        if (next === END) ended = -1;
        else if (typeof next === 'number') ended = next + 1;
        node = typeof next === 'number' ? root : next;
        if (ended < 0) break;
      }
      const step = (ended << BYTE_SHIFT) | (node.isPadding ? FINAL : 0) | node.state;
      table[(start.state << 4) | bits] = ended < 0 ? -1 : step;
    }
  }
  return table;
}
