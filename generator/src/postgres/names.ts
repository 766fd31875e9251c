import { createHash } from 'node:crypto';
import pluralize from 'pluralize';
import { wordsOf } from '../suggest/words.ts';

/** Types of Weir's own, which no other may be called after. */
const builtIn = [
  'PageDSL',
  'BPMN',
  'SQLSchema',
  'LogEntry',
  'Metric',
  'DocChunk',
  'SaaSRecord',
  'Principal',
];
const typeMaxChars = 63;
const typeName = /^[A-Z][A-Za-z0-9]{0,62}$/;

/** Plurals that are used for one thing as well. */
for (const word of ['data', 'media', 'metadata', 'criteria']) pluralize.addUncountableRule(word);

/** What is chosen by hand. */
export interface NameOptions {
  /** Names of types by `schema.table`. Default: all are made of the names of the tables. */
  readonly types?: ReadonlyMap<string, string> | undefined;
  /** What all other names begin with, so that they differ from those of other providers. Default: nothing. */
  readonly prefix?: string | undefined;
}

/** What a table is called where. */
export interface Named {
  readonly schema: string;
  readonly name: string;
}

/** How a table came by the name of its type. */
export interface TypeName {
  readonly type: string;
  /** Why it has not the name that one would expect. Undefined: it has. */
  readonly remark?: string;
}

/**
 * Names the context types of tables after these, in the singular. Of several that would have one
 * name, that in the schema `public` gets it, else the first by schema and name; the others are called
 * after their schema too, and numbered where that does not help.
 */
export function nameTypes<T extends Named>(
  tables: readonly T[],
  { types: given = new Map(), prefix = '' }: NameOptions = {},
): ReadonlyMap<T, TypeName> {
  if (!/^(?:[A-Z][A-Za-z0-9]{0,30})?$/.test(prefix)) {
    const mend = 'write A-Z, a-z and 0-9 after a capital, at most 31';
    throw new Error(`--type-prefix ${prefix}: no name of a type begins so; ${mend}`);
  }
  const taken = new Map<string, string>(builtIn.map((name) => [name, 'a built-in type']));
  const named = new Map<T, TypeName>();
  for (const table of tables) {
    const type = given.get(qualified(table));
    if (type === undefined) continue;
    if (!typeName.test(type)) {
      const mend = 'write A-Z, a-z and 0-9 after a capital, at most 63';
      throw new Error(
        `--type ${qualified(table)}=${type}: "${type}" is not the name of a type; ${mend}`,
      );
    }
    const owner = taken.get(type);
    if (owner) throw new Error(`--type ${qualified(table)}=${type}: ${owner} is called so already`);
    taken.set(type, qualified(table));
    named.set(table, { type });
  }
  const rest = tables.filter((table) => !named.has(table)).sort(publicFirst);
  for (const table of rest) {
    const wanted = typeOf(table.name, prefix);
    const type = freeName(table, { taken, prefix });
    const remark = `${wanted} is the name of ${taken.get(wanted)}`;
    named.set(table, type === wanted ? { type } : { type, remark });
    taken.set(type, qualified(table));
  }
  return named;
}

/** How a table is named in messages and options. */
export function qualified({ schema, name }: Named): string {
  return `${schema}.${name}`;
}

interface Naming {
  readonly taken: ReadonlyMap<string, string>;
  readonly prefix: string;
}

function freeName(table: Named, { taken, prefix }: Naming): string {
  const plain = typeOf(table.name, prefix);
  if (!taken.has(plain)) return plain;
  const withSchema = typeOf(table.name, prefix + pascalOf(table.schema));
  if (!taken.has(withSchema)) return withSchema;
  for (let number = 2; ; number++) {
    const numbered = `${withSchema.slice(0, typeMaxChars - 8)}${number}`;
    if (!taken.has(numbered)) return numbered;
  }
}

function publicFirst(a: Named, b: Named): number {
  const first = Number(b.schema === 'public') - Number(a.schema === 'public');
  return first || compareText(a.schema, b.schema) || compareText(a.name, b.name);
}

function compareText(a: string, b: string): number {
  return Number(a > b) - Number(a < b);
}

/** `order_details` → `OrderDetail`. */
function typeOf(name: string, prefix: string): string {
  const words = latinWords(name);
  const last = words.pop();
  const singular = last === undefined ? [] : [pluralize.singular(last)];
  return `${prefix}${pascal([...words, ...singular], name)}`.slice(0, typeMaxChars);
}

function pascalOf(name: string): string {
  return pascal(latinWords(name), name);
}

/** A name in another script keeps what can be written in Latin letters, and gets a mark of its own. */
function pascal(words: readonly string[], name: string): string {
  const text = words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('');
  const isWhole = !/[^\p{ASCII}\p{M}]/u.test(name.normalize('NFKD'));
  const mark = createHash('sha256').update(name).digest('hex').slice(0, 6);
  const marked = isWhole ? text : `${text}X${mark}`;
  return (/^[A-Z]/.test(marked) ? marked : `T${marked}`).slice(0, typeMaxChars);
}

function latinWords(name: string): string[] {
  const plain = name.normalize('NFKD').replace(/\p{M}/gu, '');
  return [...wordsOf(plain.replace(/[^A-Za-z0-9]+/g, ' '))];
}
