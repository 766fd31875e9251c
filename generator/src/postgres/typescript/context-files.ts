import { commentText, literal, nameText } from '../../project/literal.ts';
import type { MarkedField } from '../../suggest/policy.ts';
import { pointerOf } from '../marks.ts';
import type { Model, OfferedTable } from '../model.ts';
import { membersText } from './type-text.ts';

/** Where the description of a table stands, and under which name. */
export interface ContextFile {
  readonly table: OfferedTable;
  /** Within `src/contexts`, without its ending. */
  readonly file: string;
  readonly variable: string;
}

/** The file of each table, named after its context type. */
export function contextFiles({ tables }: Model): readonly ContextFile[] {
  const taken = new Set(['index']);
  return tables.map((table) => {
    const base = table.type.replace(/(?<=[a-z0-9])(?=[A-Z])/g, '-').toLowerCase();
    let file = base;
    for (let number = 2; taken.has(file); number++) file = `${base}-${number}`;
    taken.add(file);
    return { table, file, variable: `${camel(table.type)}Table` };
  });
}

function camel(type: string): string {
  return type.charAt(0).toLowerCase() + type.slice(1);
}

/** The text of a context's file. */
export function contextText(
  { table, variable }: ContextFile,
  marked: readonly MarkedField[],
): string {
  const { kind, description, referredBy, columns, jsonSchema, ...rest } = table;
  const about = [`Rows of the ${kind} \`${commentText(`${table.schema}.${table.name}`)}\`.`];
  if (description) about.push(commentText(description));
  const lists = referredBy.map(({ type, columns: names }) => {
    const words = names.map((name) => `${encodeURIComponent(name)}=…`).join(' ');
    return `${type} rows refer to it: list \`${type}\` with the words \`${commentText(words)}\`.`;
  });
  const members = Object.entries({ ...rest, columns: undefined, jsonSchema: undefined }).flatMap(
    ([name, value]) => (value === undefined ? [] : [`  ${name}: ${literal(value, 2)},`]),
  );
  return [
    "import type { Table } from '../runtime/table.ts';",
    '',
    comment([...about, ...lists]),
    `export const ${variable}: Table = {`,
    ...members,
    '  columns: {',
    ...columnLines(table, marked),
    '  },',
    `  jsonSchema: ${literal(jsonSchema, 2)},`,
    '};',
    '',
  ].join('\n');
}

function columnLines({ type, columns }: OfferedTable, marked: readonly MarkedField[]): string[] {
  const marks = new Map(
    marked.filter((field) => field.type === type).map((field) => [field.pointer, field]),
  );
  return Object.entries(columns).flatMap(([name, column]) => {
    const mark = marks.get(pointerOf(name));
    const said = mark ? [`    // ${mark.level}: ${commentText(mark.reason)}`] : [];
    return [...said, `    ${nameText(name)}: ${literal(column, 4)},`];
  });
}

function comment(lines: readonly string[]): string {
  if (lines.length === 1) return `/** ${lines[0]} */`;
  return ['/**', ...lines.map((line) => ` * ${line}`), ' */'].join('\n');
}

/** All contexts, in one list. */
export function indexText(files: readonly ContextFile[]): string {
  return [
    "import type { Table } from '../runtime/table.ts';",
    ...files.map(({ file, variable }) => `import { ${variable} } from './${file}.ts';`),
    '',
    '/** What is offered. Take out what is not wanted. */',
    'export const tables: readonly Table[] = [',
    ...files.map(({ variable }) => `  ${variable},`),
    '];',
    '',
  ].join('\n');
}

/** The types of all values, known to the SDK by the names of their context types. */
export function typesText(files: readonly ContextFile[]): string {
  const interfaces = files.map(({ table }) => {
    const said = comment([commentText(String(table.jsonSchema.description ?? table.type))]);
    return `${said}\nexport interface ${table.type} ${membersText(table.jsonSchema)}\n`;
  });
  const names = files.map(({ table: { type } }) => `    ${type}: ${type};`);
  const known = [
    "declare module '@weir/sdk' {",
    '  interface ContextTypes {',
    ...names,
    '  }',
    '}',
  ];
  return `${[...interfaces, `${known.join('\n')}\n`].join('\n')}`;
}
