import type { Document as YamlDocument } from 'yaml';
import {
  type Alias,
  Composer,
  CST,
  isAlias,
  isMap,
  isScalar,
  Lexer,
  LineCounter,
  type Pair,
  Parser,
  type Scalar,
  visit,
  type YAMLMap,
  type YAMLSeq,
  type Node as YamlNode,
} from 'yaml';
import type { Fault, Path, Position } from './fault.ts';
import { sourceOffset } from './text-place.ts';

/** The greatest size of a document. */
export const documentMaxBytes = 256 * 1024;
/** How many values a document may have; aliases count as often as they stand for something. */
const NODES_MAX = 50_000;
const DEPTH_MAX = 64;
const depthText = `nested deeper than ${DEPTH_MAX}; flatten it`;

/** How large a document may be. */
export interface DocumentLimits {
  /** In bytes of UTF-8 (262144). */
  readonly maxBytes?: number;
  /** In values (50000). */
  readonly valuesMax?: number;
}

/** A value of a document that knows where it stands. */
export type Located =
  | {
      readonly kind: 'scalar';
      readonly value: string | number | boolean | null;
      readonly at: Position;
      /** Of a text that stands there itself: where one of its UTF-16 units stands. */
      readonly inside?: (offset: number) => Position;
    }
  | { readonly kind: 'list'; readonly items: readonly Located[]; readonly at: Position }
  | { readonly kind: 'map'; readonly fields: readonly LocatedField[]; readonly at: Position };

/** A field of a map, with the place of its name. */
export interface LocatedField {
  readonly name: string;
  readonly at: Position;
  readonly value: Located;
}

/** A fault at a known place. */
export interface PlacedFault extends Fault {
  readonly at: Position;
}

/** What a document came to; without a root there are faults. */
export interface ReadDocument {
  readonly root?: Located;
  readonly faults: readonly PlacedFault[];
}

/** Reads a YAML or JSON document: plain data only, and nothing that could mean two things. */
export function readDocument(text: string, limits: DocumentLimits = {}): ReadDocument {
  const { maxBytes = documentMaxBytes, valuesMax = NODES_MAX } = limits;
  const start = { line: 1, column: 1 };
  const fault = (words: string) => ({ faults: [{ path: [], text: words, at: start }] });
  if (Buffer.byteLength(text) > maxBytes) {
    return fault(`the document is larger than ${maxBytes / 1024} KiB; shorten it`);
  }
  if (!text.isWellFormed()) return fault('the document holds half a surrogate pair');
  const deep = tooDeepAt(text);
  if (deep) return { faults: [{ path: [], text: depthText, at: deep }] };
  const lines = new LineCounter();
  const [document, second] = firstTwo(text, lines);
  if (!document?.contents) return fault('the document is empty; write a manifest');
  if (second) return fault('the text holds several documents; send one at a time');
  const at = (offset: number) => positionOf(lines, offset);
  const faults = [...document.errors, ...document.warnings].map((error) => ({
    path: [],
    text: syntaxText(error.message),
    at: at(error.pos[0]),
  }));
  if (faults.length > 0) return { faults };
  return locate(document, { at, text, valuesMax });
}

/**
 * Where so much is opened within each other that the library, which calls itself for each level,
 * would exhaust the stack. What is nested by indentation is bounded by the size of the document.
 */
function tooDeepAt(text: string): Position | undefined {
  let at = 0;
  let flow = 0;
  let onLine = 0;
  let isText = false;
  for (const token of new Lexer().lex(text)) {
    const type: string | null = isText ? 'text' : CST.tokenType(token);
    isText = type === 'scalar';
    if (type === 'flow-seq-start' || type === 'flow-map-start') flow += 1;
    else if (type === 'flow-seq-end' || type === 'flow-map-end') flow = Math.max(0, flow - 1);
    else if (type === 'flow-error-end') flow = 0;
    else if (type === 'newline') onLine = 0;
    else if (flow === 0 && type !== null && indicators.has(type)) onLine += 1;
    if (flow + onLine > DEPTH_MAX) return placeIn(text, at);
    // The others are marks of the library, which stand for no text.
    if (type !== 'scalar' && type !== 'doc-mode' && type !== 'flow-error-end') at += token.length;
  }
  return undefined;
}

const indicators: ReadonlySet<string> = new Set([
  'seq-item-ind',
  'explicit-key-ind',
  'map-value-ind',
]);

type Plain = string | number | boolean | null;

const brokenText = 'holds half a surrogate pair, which no text may';

function placeIn(text: string, offset: number): Position {
  const before = text.slice(0, offset);
  const newline = before.lastIndexOf('\n');
  return { line: before.split('\n').length, column: offset - newline };
}

/** No more than it takes to tell that there are several. */
function firstTwo(text: string, lines: LineCounter): YamlDocument.Parsed[] {
  const documents: YamlDocument.Parsed[] = [];
  // The library compares every field with all before it: a document of fields would take minutes.
  const composer = new Composer({
    uniqueKeys: false,
    resolveKnownTags: false,
    version: '1.2',
    schema: 'core',
  });
  for (const document of composer.compose(new Parser(lines.addNewLine).parse(text))) {
    if (documents.push(document) === 2) break;
  }
  return documents;
}

/** What aliases stand for; the library would search the whole document for each. */
function targetsOf(document: YamlDocument.Parsed): ReadonlyMap<Alias, YamlNode> {
  const anchors = new Map<string, YamlNode>();
  const targets = new Map<Alias, YamlNode>();
  visit(document, {
    Alias(_, alias) {
      const target = anchors.get(alias.source);
      if (target) targets.set(alias, target);
    },
    Value(_, node) {
      if (node.anchor) anchors.set(node.anchor, node);
    },
  });
  return targets;
}

/** Walks the syntax tree rather than the values, to keep places and to meet every alias. */
function locate(
  document: YamlDocument.Parsed,
  source: { at(offset: number): Position; text: string; valuesMax: number },
): ReadDocument {
  const { at, valuesMax } = source;
  const faults: PlacedFault[] = [];
  const targets = targetsOf(document);
  const open = new Set<unknown>();
  let nodes = 0;

  function value(node: YamlNode | null | undefined, path: Path, near: Position): Located {
    const here = node?.range ? at(node.range[0]) : near;
    const none: Located = { kind: 'scalar', value: null, at: here };
    nodes += 1;
    if (nodes === valuesMax) {
      faults.push({ path, text: `more than ${valuesMax} values; shorten the document`, at: here });
    }
    if (nodes >= valuesMax || !node) return none;
    if (path.length > DEPTH_MAX) {
      faults.push({ path, text: depthText, at: here });
      return none;
    }
    if (isAlias(node)) return aliased(node, path, here);
    if (isScalar(node)) return scalar(node, path, here);
    if (open.has(node)) {
      faults.push({ path, text: 'an alias stands for something it is part of', at: here });
      return none;
    }
    open.add(node);
    const located = isMap(node) ? map(node, path, here) : list(node, path, here);
    open.delete(node);
    return located;
  }

  function aliased(node: Alias, path: Path, here: Position): Located {
    const target = targets.get(node);
    if (target) return value(target, path, here);
    faults.push({ path, text: `no anchor "${node.source}" stands before this alias`, at: here });
    return { kind: 'scalar', value: null, at: here };
  }

  function scalar(node: Scalar, path: Path, here: Position): Located {
    const held = node.value;
    if (typeof held === 'number' && !isPlainNumber(held)) {
      faults.push({
        path,
        text: `${node.source ?? held} is not a number between -2^53 and 2^53; quote it to make it text`,
        at: here,
      });
    }
    const broken = typeof held === 'string' && !held.isWellFormed();
    if (broken) faults.push({ path, text: brokenText, at: here });
    const plain = held === null || ['string', 'number', 'boolean'].includes(typeof held);
    if (!plain) faults.push({ path, text: 'not text, a number, true, false or null', at: here });
    return {
      kind: 'scalar',
      value: broken ? held.toWellFormed() : plain ? (held as Plain) : null,
      at: here,
      ...(typeof held === 'string' ? { inside: insideOf(node, held) } : {}),
    };
  }

  function insideOf(node: Scalar, value: string): (offset: number) => Position {
    const [start, end] = node.range ?? [0, 0];
    const style = node.type ?? 'PLAIN';
    return (offset) =>
      at(start + sourceOffset({ text: source.text.slice(start, end), style, value }, offset));
  }

  function list(node: YamlNode, path: Path, here: Position): Located {
    const items = (node as YAMLSeq<YamlNode>).items;
    return {
      kind: 'list',
      items: items.map((item, index) => value(item, [...path, index], here)),
      at: here,
    };
  }

  function map(node: YAMLMap, path: Path, here: Position): Located {
    const fields: LocatedField[] = [];
    const names = new Set<string>();
    for (const pair of node.items as Pair<YamlNode, YamlNode | null>[]) {
      const key = isAlias(pair.key) ? undefined : pair.key;
      const keyAt = pair.key.range ? at(pair.key.range[0]) : here;
      if (!isScalar(key) || typeof key.value !== 'string') {
        faults.push({ path, text: 'a field name that is not text; quote it', at: keyAt });
        continue;
      }
      const name = key.value;
      if (!name.isWellFormed()) {
        faults.push({ path, text: `a field name ${brokenText}`, at: keyAt });
        continue;
      }
      if (names.has(name)) {
        faults.push({ path, text: 'the field stands here for a second time', at: keyAt });
      }
      names.add(name);
      fields.push({ name, at: keyAt, value: value(pair.value, [...path, name], keyAt) });
    }
    return { kind: 'map', fields, at: here };
  }

  const root = value(document.contents, [], { line: 1, column: 1 });
  return faults.length > 0 ? { faults } : { root, faults };
}

function isPlainNumber(value: number): boolean {
  return Number.isFinite(value) && Math.abs(value) <= Number.MAX_SAFE_INTEGER;
}

function positionOf(lines: LineCounter, offset: number): Position {
  const { line, col } = lines.linePos(offset);
  return { line: Math.max(1, line), column: Math.max(1, col) };
}

function syntaxText(message: string): string {
  return message.charAt(0).toLowerCase() + message.slice(1);
}
