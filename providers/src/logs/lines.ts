/** A line, cut out of a stream of bytes. */
export interface RawLine {
  /** Where it begins. */
  readonly offset: number;
  readonly text: string;
  /** Whether it was longer than is kept. */
  readonly isCut: boolean;
}

/** More of a line is not kept. */
export const maxLineBytes = 64 * 1024;

const newline = 0x0a;

/** Cuts bytes into lines as they come. */
export interface LineCutter {
  /** Takes the next bytes, and gives the lines that they complete. Blank lines are left out. */
  push(bytes: Uint8Array): RawLine[];
  /** Gives what has come since the last line ended. */
  flush(): RawLine[];
}

/** Begins to cut at an offset, which must be the beginning of a line. */
export function createLineCutter(start: number): LineCutter {
  let offset = start;
  let length = 0;
  let kept: Uint8Array[] = [];
  const keep = (bytes: Uint8Array): void => {
    const room = maxLineBytes - length;
    // Copied, since the reader uses its buffer again.
    if (room > 0) kept.push(Uint8Array.from(bytes.subarray(0, room)));
    length += bytes.length;
  };
  const end = (): RawLine[] => {
    const text = Buffer.concat(kept).toString('utf8').trimEnd();
    const line = { offset, text, isCut: length > maxLineBytes };
    kept = [];
    length = 0;
    return text === '' ? [] : [line];
  };
  return {
    push(bytes) {
      const lines: RawLine[] = [];
      let from = 0;
      for (let at = bytes.indexOf(newline); at !== -1; at = bytes.indexOf(newline, from)) {
        keep(bytes.subarray(from, at));
        const next = offset + length + 1;
        lines.push(...end());
        offset = next;
        from = at + 1;
      }
      keep(bytes.subarray(from));
      return lines;
    },
    flush: end,
  };
}
