import { styleText } from 'node:util';

/** Where a command writes. */
export interface Terminal {
  /** Writes to standard output. */
  out(text: string): void;
  /** Writes bytes to standard output as they are; resolves when there is room for more. */
  outBytes(bytes: Uint8Array): Promise<void>;
  /** Writes to standard error. */
  err(text: string): void;
  /** The width in columns. Absent: not a screen, so nothing is cut. */
  readonly columns?: number | undefined;
  /** The height in rows. Absent: not a screen, so nothing is cut. */
  readonly rows?: number | undefined;
  /** Whether colours may be used. */
  readonly color: boolean;
}

/** How text is emphasised. */
export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';

/** Emphasises text, or leaves it as it is. */
export type Paint = (style: Style, text: string) => string;

/** Emphasises as the terminal allows. */
export function painter(terminal: Pick<Terminal, 'color'>): Paint {
  if (!terminal.color) return (_style, text) => text;
  return (style, text) => styleText(style, text, { validateStream: false });
}

/** The terminal of a process. Honours NO_COLOR and TERM; colours only a screen. */
export function processTerminal(process: NodeJS.Process): Terminal {
  const { stdout, stderr } = process;
  return {
    out: (text) => void stdout.write(text),
    // Who reads a pipe may leave early, which is seen elsewhere.
    outBytes: (bytes) => new Promise((resolve) => stdout.write(bytes, () => resolve())),
    err: (text) => void stderr.write(text),
    columns: stdout.isTTY ? stdout.columns : undefined,
    rows: stdout.isTTY ? stdout.rows : undefined,
    color: stdout.isTTY === true && stdout.hasColors(),
  };
}
