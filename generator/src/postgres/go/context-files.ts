import type { JsonSchema, Sensitivity } from '@weir/sdk/provider';
import { goComment, goJson, goList, goRune, goStruct, goText, goTexts } from '../../go/literal.ts';
import { importText, modulePath, sdkModule } from '../../go/module.ts';
import { goFile } from '../../go/names.ts';
import { createTypes } from '../../go/types.ts';
import type { MarkedField } from '../../suggest/policy.ts';
import type { Model, OfferedTable } from '../model.ts';
import type { Codec } from '../runtime/codec.ts';

/** All files of the package `contexts`: one for each table, and one that lists them. */
export function contextFiles({ tables, marked }: Model, name: string): [string, string][] {
  const types = createTypes({ reserved: ['Tables', 'New'], special: floatType });
  const files = new Set(['contexts']);
  const offered = tables.map((table) => ({
    table,
    // The types of rows have the names of the context types; what lies within them comes after.
    struct: types.reserve(table.type),
    file: goFile(table.type, files),
  }));
  const texts = offered.map(({ table, struct, file }): [string, string] => {
    types.declare(struct, { ...table.jsonSchema, description: '' });
    const fields = marked.filter(({ type }) => type === table.type);
    return [
      `contexts/${file}.go`,
      contextText({ table, struct, types: types.take(), marked: fields, name }),
    ];
  });
  return [['contexts/contexts.go', listText(offered, name)], ...texts];
}

/** Numbers that may be NaN are texts then. */
function floatType({ anyOf }: JsonSchema): string | undefined {
  if (!Array.isArray(anyOf)) return undefined;
  const parts = anyOf as JsonSchema[];
  const isNan = parts.some((part) => Array.isArray(part.enum) && part.enum.includes('NaN'));
  if (!isNan || !parts.some(({ type }) => type === 'number')) return undefined;
  return parts.some(({ type }) => type === 'null') ? '*postgres.Float' : 'postgres.Float';
}

interface Offered {
  readonly table: OfferedTable;
  readonly struct: string;
}

interface ContextFile extends Offered {
  readonly types: string;
  readonly marked: readonly MarkedField[];
  readonly name: string;
}

function contextText({ table, struct, types, marked, name }: ContextFile): string {
  const { kind, description, schema, referredBy } = table;
  const variable = variableOf(table);
  const about = [
    `${variable} offers the rows of the ${kind} ${goComment(`${schema}.${table.name}`)}.`,
    ...(description ? [goComment(description)] : []),
    ...referredBy.map(({ type, columns }) => {
      const words = columns.map((column) => `${encodeURIComponent(column)}=…`).join(' ');
      return `${type} rows refer to it: list ${type} with the words ${goComment(words)}.`;
    }),
    ...marked.map(({ pointer, level, reason }) => {
      return `${goComment(pointer)} is ${level}: ${goComment(reason)}.`;
    }),
  ];
  return [
    'package contexts',
    '',
    importText([
      ...(table.sensitivity ? [sdkModule] : []),
      ...(table.ttlMs === undefined ? [] : ['time']),
      `${modulePath(name)}/internal/postgres`,
    ]),
    '',
    ...about.map((line) => `// ${line}`),
    `var ${variable} = ${tableText(table)}`,
    '',
    `// ${struct} is a row of ${variable}.`,
    types,
  ].join('\n');
}

function variableOf({ type }: OfferedTable): string {
  return `${type.charAt(0).toLowerCase()}${type.slice(1)}Table`;
}

const sensitivities: Readonly<Record<Sensitivity, string>> = {
  public: 'weir.Public',
  internal: 'weir.Internal',
  confidential: 'weir.Confidential',
  restricted: 'weir.Restricted',
};

function tableText(table: OfferedTable): string {
  const { titleColumn, links = {}, linksMember, filters = [], sensitivity, ttlMs } = table;
  const columns = Object.entries(table.columns).map(([name, { sql, codec }]) => {
    return `{Name: ${goText(name)}, SQL: ${goText(sql)}, Codec: ${codecText(codec)}}`;
  });
  const linkList = Object.entries(links).map(([name, link]) => {
    return `{Name: ${goText(name)}, Type: ${goText(link.type)}, Columns: ${goTexts(link.columns)}}`;
  });
  return goStruct('postgres.Table', [
    ['Type', goText(table.type)],
    ['Version', goText(table.version)],
    ['Title', table.title === undefined ? undefined : goText(table.title)],
    ['Schema', goText(table.schema)],
    ['Name', goText(table.name)],
    ['Columns', goList('[]postgres.Column', columns)],
    ['Key', goTexts(table.key)],
    ['TitleColumn', titleColumn === undefined ? undefined : goText(titleColumn)],
    ['Links', linkList.length === 0 ? undefined : goList('[]postgres.Link', linkList)],
    ['LinksMember', linkList.length === 0 ? undefined : goText(linksMember ?? 'refs')],
    ['Filters', goTexts(filters)],
    ['Sensitivity', sensitivity && sensitivities[sensitivity]],
    ['TTL', ttlMs === undefined ? undefined : `${ttlMs} * time.Millisecond`],
    ['JSONSchema', goJson(table.jsonSchema)],
  ]);
}

const scalars: Readonly<Record<Extract<Codec, string>, string>> = {
  text: 'postgres.Text',
  trimmed: 'postgres.Trimmed',
  boolean: 'postgres.Boolean',
  number: 'postgres.Number',
  timestamp: 'postgres.Timestamp',
  timestamptz: 'postgres.TimestampTZ',
  bytes: 'postgres.Bytes',
  json: 'postgres.JSON',
};

function codecText(codec: Codec): string {
  if (typeof codec === 'string') return scalars[codec];
  if ('array' in codec) {
    const { array, delimiter } = codec;
    const told = delimiter === undefined ? '' : `, Delimiter: ${goRune(delimiter)}`;
    return `postgres.Array{Of: ${codecText(array)}${told}}`;
  }
  if ('record' in codec) {
    const fields = Object.entries(codec.record).map(([name, inner]) => {
      return `{Name: ${goText(name)}, Codec: ${codecText(inner)}}`;
    });
    return `postgres.Record{${fields.join(', ')}}`;
  }
  if ('range' in codec) return `postgres.Range{Of: ${codecText(codec.range)}}`;
  return `postgres.Multirange{Of: ${codecText(codec.multirange)}}`;
}

function listText(offered: readonly Offered[], name: string): string {
  return `// Package contexts describes the tables and views that are offered, and the types of their rows.
package contexts

import "${modulePath(name)}/internal/postgres"

// Tables is what is offered. Take out what is not wanted.
var Tables = ${goList(
    '[]postgres.Table',
    offered.map(({ table }) => variableOf(table)),
  )}

// New returns a pointer to a row of a context type, to read a value into; nil when there is no such type.
func New(contextType string) any {
	switch contextType {
${offered.map(({ table: { type }, struct }) => `\tcase ${goText(type)}:\n\t\treturn new(${struct})\n`).join('')}	default:
		return nil
	}
}
`;
}
