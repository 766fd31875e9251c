import type { JsonSchema } from '@weir/sdk/provider';
import { commentText, literal, nameText } from '../../project/literal.ts';

const plain: Readonly<Record<string, string>> = {
  string: 'string',
  integer: 'number',
  number: 'number',
  boolean: 'boolean',
  null: 'null',
};

/** The TypeScript type of what conforms to one of the schemas that describe columns. */
export function typeText(schema: JsonSchema, indent = 0): string {
  const { type, enum: values, anyOf } = schema;
  if (Array.isArray(anyOf)) return union(anyOf.map((one) => typeText(one as JsonSchema, indent)));
  if (Array.isArray(values)) return union(values.map((value) => literal(value)));
  if (Array.isArray(type)) {
    return union(type.map((one) => typeText({ ...schema, type: one as string }, indent)));
  }
  if (type === 'array')
    return `readonly (${typeText((schema.items ?? {}) as JsonSchema, indent)})[]`;
  if (type === 'object') return membersText(schema, indent);
  return (typeof type === 'string' && plain[type]) || 'unknown';
}

/** The members of an object, each with its description. */
export function membersText(schema: JsonSchema, indent = 0): string {
  const properties = Object.entries((schema.properties ?? {}) as Record<string, JsonSchema>);
  const required = (schema.required ?? []) as readonly string[];
  const blanks = ' '.repeat(indent + 2);
  const lines = properties.flatMap(([name, property]) => {
    const { description } = property;
    const said = typeof description === 'string' ? commentText(description) : '';
    const mark = required.includes(name) ? '' : '?';
    const text = `readonly ${nameText(name)}${mark}: ${typeText(property, indent + 2)};`;
    return [...(said ? [`${blanks}/** ${said} */`] : []), `${blanks}${text}`];
  });
  return lines.length === 0 ? 'object' : `{\n${lines.join('\n')}\n${' '.repeat(indent)}}`;
}

function union(parts: readonly string[]): string {
  return parts.includes('unknown') ? 'unknown' : [...new Set(parts)].join(' | ');
}
