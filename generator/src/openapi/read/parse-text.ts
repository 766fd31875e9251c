import { isAlias, LineCounter, parseDocument, visit } from 'yaml';
import { DocumentError, documentError } from './document-error.ts';
import { isObject, type Json } from './json.ts';

/** The deepest nesting that is read. */
export const documentMaxDepth = 200;
/** Lists and objects in one text, what anchors repeat counted each time. */
export const documentMaxValues = 2_000_000;
/** How often anchors of YAML may be repeated in one text. */
const aliasesMax = 1_000;

/** Parses JSON or YAML. `name` is for the reader of an error. Throws DocumentError with line and column. */
export function parseText(text: string, name: string): Json {
  const value = /^\s*[{[]/.test(text) ? parseJson(text, name) : parseYaml(text, name);
  checkSize(value, name);
  return value;
}

function parseJson(text: string, name: string): Json {
  try {
    return JSON.parse(text);
  } catch {
    // YAML in flow style begins so too; and its parser knows the line of a fault.
    return parseYaml(text, name);
  }
}

function parseYaml(text: string, name: string): Json {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  if (document.errors.length > 0) {
    throw new DocumentError(
      document.errors.map(({ pos, message }) => {
        const { line, col } = lines.linePos(pos[0]);
        return { place: `${name}:${line}:${col}`, text: `${message}; write YAML or JSON` };
      }),
    );
  }
  let aliases = 0;
  visit(document, (_, node) => {
    if (isAlias(node)) aliases += 1;
  });
  if (aliases > aliasesMax) {
    throw documentError(name, `uses anchors ${aliases} times; at most ${aliasesMax} are read`);
  }
  try {
    return document.toJS({ maxAliasCount: aliasesMax });
  } catch (error) {
    throw documentError(name, `${(error as Error).message}; write the repeated part out`);
  }
}

/** Also refuses anchors that hold themselves, which have no end, and those that multiply. */
function checkSize(root: Json, name: string): void {
  let level: Json[] = [root];
  let values = 0;
  for (let depth = 0; level.length > 0; depth += 1) {
    values += level.length;
    if (values > documentMaxValues) {
      throw documentError(name, `holds more than ${documentMaxValues} lists and objects; split it`);
    }
    if (depth > documentMaxDepth) {
      throw documentError(name, `is nested deeper than ${documentMaxDepth} levels; flatten it`);
    }
    level = level.flatMap((value) =>
      (Array.isArray(value) ? value : isObject(value) ? Object.values(value) : []).filter(
        (held) => typeof held === 'object' && held !== null,
      ),
    );
  }
}

/** The line of a pointer in a text, as far as it leads somewhere; undefined when it does not. */
export function lineOf(text: string, segments: readonly string[]): number | undefined {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const node = document.getIn(segments, true) as { range?: [number, number, number] } | undefined;
  return node?.range && lines.linePos(node.range[0]).line;
}
