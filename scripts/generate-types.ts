// Writes the TypeScript types of the built-in context types, from registry/types/*.schema.json
// to sdk/typescript/src/gen/types. Runs after `buf generate`, which empties src/gen.
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { compile, type JSONSchema } from 'json-schema-to-typescript';

const schemaDir = join(import.meta.dirname, '../registry/types');
const outDir = join(import.meta.dirname, '../sdk/typescript/src/gen/types');
const banner = '// Generated from registry/types by `npm run generate`. Do not edit.\n';
const definitionRef = /^#\/\$defs\/(\w+)$/;

type Definitions = Readonly<Record<string, JSONSchema>>;

interface Generated {
  readonly name: string;
  readonly text: string;
  readonly exports: readonly string[];
}

/** Whether a definition becomes a type with a name; plain strings, numbers and lists do not. */
function isNamed(schema: JSONSchema): boolean {
  return schema.type === 'object' || schema.enum !== undefined || schema.oneOf !== undefined;
}

/** Whether a schema says nothing of its values but what they mean. */
function isAnything(schema: JSONSchema): boolean {
  return Object.keys(schema).every((key) => key === 'description');
}

/**
 * Forms a schema so that the generator gives good names: named definitions carry the name of
 * their type before their own, others stand where they are used, and any value is `unknown`.
 */
function prepared(name: string, schema: JSONSchema): JSONSchema {
  const definitions: Definitions = schema.$defs ?? {};
  const visit = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(visit);
    if (typeof value !== 'object' || value === null) return value;
    const { $ref, ...rest }: JSONSchema = value;
    const target = definitions[definitionRef.exec($ref ?? '')?.[1] ?? ''];
    if (target !== undefined && !isNamed(target)) return visit({ ...target, ...rest });
    if (target !== undefined) return { $ref };
    return Object.fromEntries(Object.entries(value).map(([key, v]) => [key, member(key, v)]));
  };
  const member = (key: string, value: unknown): unknown => {
    if (key !== 'properties') return visit(value);
    return Object.fromEntries(
      Object.entries<JSONSchema>(value as Definitions).map(([property, v]) => [
        property,
        isAnything(v) ? { ...v, tsType: 'unknown' } : visit(v),
      ]),
    );
  };
  const named = Object.entries(definitions)
    .filter(([, definition]) => isNamed(definition))
    .map(([key, definition]) => [key, visit({ ...definition, title: name + key })]);
  const { examples, $defs, ...root } = schema;
  return { ...(visit(root) as JSONSchema), title: name, $defs: Object.fromEntries(named) };
}

async function generate(name: string): Promise<Generated> {
  const schema = JSON.parse(await readFile(join(schemaDir, `${name}.schema.json`), 'utf8'));
  const text = await compile(prepared(name, schema), name, {
    bannerComment: banner,
    ignoreMinAndMaxItems: true,
    style: { singleQuote: true, printWidth: 100 },
    unknownAny: true,
    $refOptions: { resolve: { external: false } },
  });
  const exports = [...text.matchAll(/^export (?:interface|type) (\w+)/gm)].map((m) => m[1] ?? '');
  return { name, text, exports };
}

function indexOf(types: readonly Generated[]): string {
  const imports = types.map(({ name }) => `import type { ${name} } from './${name}.ts';`);
  const exports = types.map(
    ({ name, exports }) => `export type { ${exports.toSorted().join(', ')} } from './${name}.ts';`,
  );
  const members = types.map(({ name }) => `  ${name}: ${name};`);
  return `${banner}
${imports.join('\n')}

${exports.join('\n')}

/** The values of the built-in context types, by the name of the type. */
export interface BuiltInTypes {
${members.join('\n')}
}
`;
}

const names = (await readdir(schemaDir))
  .filter((file) => file.endsWith('.schema.json'))
  .map((file) => file.slice(0, -'.schema.json'.length))
  .toSorted();
const types = await Promise.all(names.map(generate));
await rm(outDir, { recursive: true, force: true });
await mkdir(outDir, { recursive: true });
for (const type of types) await writeFile(join(outDir, `${type.name}.ts`), type.text);
await writeFile(join(outDir, 'context-types.ts'), indexOf(types));
