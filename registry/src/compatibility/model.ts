// Two schemas as a comparison sees them: nodes with an identity, facts, and a budget of work.
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { fullFormats } from 'ajv-formats/dist/formats.js';
import { anchorsOf, isObject, type Schema, step, targetOf, treeOf } from '../json-schema/tree.ts';

/** How much work one comparison may take, in schemas looked at. */
const maxWork = 120_000;
/** Generous: documents are checked against the limits of schemas before. */
const maxNodes = 10_000;

/** Thrown when a comparison takes more work than it may. */
export class TooComplex extends Error {}

/** Counts the work of one comparison. */
export interface Budget {
  spend(work: number): void;
  nextId(): number;
}

export function createBudget(): Budget {
  let work = 0;
  let id = 0;
  return {
    spend(more) {
      work += more;
      if (work > maxWork) throw new TooComplex();
    },
    nextId() {
      id += 1;
      return id;
    },
  };
}

/** A schema at its place in a document; one object for each place. */
export interface Node {
  readonly id: number;
  readonly document: Document;
  readonly pointer: string;
  readonly schema: Schema;
}

/** A keyword that offers alternatives. */
export type Disjunction = 'anyOf' | 'oneOf';

/** Something that is known of a value: it is valid under a node, some of whose keywords are set aside. */
export interface Fact {
  readonly node: Node;
  readonly aside: readonly Disjunction[];
}

export function factOf(node: Node): Fact {
  return { node, aside: [] };
}

/** A document with its nodes. */
export interface Document {
  readonly root: Node;
  /** The node a step below another. */
  child(node: Node, ...steps: readonly (string | number)[]): Node;
  /** The node that the `$ref` of another leads to. */
  target(node: Node): Node | undefined;
  /** Whether a value is valid under a node; undefined if that cannot be told. */
  accepts(node: Node, value: unknown): boolean | undefined;
}

export function createDocument(schema: Schema, budget: Budget): Document {
  const tree = treeOf(schema, maxNodes) ?? new Map([['', schema]]);
  const anchors = anchorsOf(tree);
  const nodes = new Map<string, Node>();
  const validators = new Map<number, ValidateFunction | undefined>();
  const compile = createCompiler(schema);
  const at = (pointer: string): Node => {
    const known = nodes.get(pointer);
    if (known !== undefined) return known;
    const held = tree.get(pointer) ?? true;
    const node = { id: budget.nextId(), document, pointer, schema: held };
    nodes.set(pointer, node);
    return node;
  };
  const document: Document = {
    get root() {
      return at('');
    },
    child: (node, ...steps) => at(step(node.pointer, ...steps)),
    target(node) {
      const ref = isObject(node.schema) ? node.schema.$ref : undefined;
      const pointer = typeof ref === 'string' ? targetOf(ref, anchors) : undefined;
      return pointer === undefined ? undefined : at(pointer);
    },
    accepts(node, value) {
      if (typeof node.schema === 'boolean') return node.schema;
      if (!validators.has(node.id)) validators.set(node.id, compile(node.pointer));
      try {
        return validators.get(node.id)?.(value);
      } catch {
        // ajv writes wrong code for some combinations with unevaluatedProperties.
        return undefined;
      }
    },
  };
  return document;
}

function createCompiler(schema: Schema): (pointer: string) => ValidateFunction | undefined {
  let ajv: Ajv2020 | undefined;
  const open = (): Ajv2020 => {
    // The metaschema was looked at before; compiling it again for each document takes long.
    const checked = { meta: false, validateSchema: false } as const;
    const opened = new Ajv2020({ strict: false, logger: false, formats: fullFormats, ...checked });
    const { $id, ...rest } = isObject(schema) ? schema : {};
    opened.addSchema(rest, 'schema');
    return opened;
  };
  return (pointer) => {
    const fragment = pointer.split('/').map(encodeURIComponent).join('/');
    try {
      ajv ??= open();
      return ajv.compile({ $ref: `schema#${fragment}` });
    } catch {
      return undefined;
    }
  };
}

const lists = new WeakMap<Node, Map<string, readonly Node[]>>();
const maps = new WeakMap<Node, Map<string, ReadonlyMap<string, Node>>>();

/** Reads something of a node once. */
function once<T>(
  memo: WeakMap<Node, Map<string, T>>,
  node: Node,
  keyword: string,
  read: () => T,
): T {
  const known = memo.get(node) ?? new Map<string, T>();
  memo.set(node, known);
  const value = known.get(keyword) ?? read();
  known.set(keyword, value);
  return value;
}

const none: readonly Node[] = [];

/** The nodes under a keyword that holds a list of schemas. */
export function listed(node: Node, keyword: string): readonly Node[] {
  const items = isObject(node.schema) ? node.schema[keyword] : undefined;
  if (!Array.isArray(items)) return none;
  return once(lists, node, keyword, () =>
    items.map((_, index) => node.document.child(node, keyword, index)),
  );
}

/** The node under a keyword that holds a schema. */
export function held(node: Node, keyword: string): Node | undefined {
  if (!isObject(node.schema) || node.schema[keyword] === undefined) return undefined;
  return once(lists, node, keyword, () => [node.document.child(node, keyword)])[0];
}

const empty: ReadonlyMap<string, Node> = new Map();

/** The nodes under a keyword that holds schemas by name. */
export function named(node: Node, keyword: string): ReadonlyMap<string, Node> {
  const members = isObject(node.schema) ? node.schema[keyword] : undefined;
  if (!isObject(members)) return empty;
  return once(maps, node, keyword, () => {
    const names = Object.keys(members);
    return new Map(names.map((name) => [name, node.document.child(node, keyword, name)]));
  });
}

/** The strings of a keyword that holds a list of them. */
export function strings(node: Node, keyword: string): string[] {
  const value = isObject(node.schema) ? node.schema[keyword] : undefined;
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}
