import { readFile } from 'node:fs/promises';
import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import { expect } from 'vitest';

/** Makes a check that a value conforms to the built-in type of this name. */
export async function openConformance(type: string): Promise<(value: unknown) => void> {
  const file = new URL(`../../../registry/types/${type}.schema.json`, import.meta.url);
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  formats.default(ajv);
  const validate = ajv.compile(JSON.parse(await readFile(file, 'utf8')));
  return (value) => {
    validate(value);
    expect(validate.errors ?? []).toEqual([]);
  };
}
