import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';

const root = resolve(import.meta.dirname, '../..');

/** Real documents that are no part of the project. */
export const documentsFolder = process.env.WEIR_TEST_DOCUMENTS ?? resolve(root, '../shared/data');

/** Why documents cannot be tried; undefined: they are there. */
export const documentsMissing = existsSync(join(documentsFolder, 'openapi'))
  ? undefined
  : `no ${documentsFolder}/openapi; set WEIR_TEST_DOCUMENTS`;

/** Documents that a package brings along. */
export const examplesFolder = dirname(
  createRequire(import.meta.url).resolve('@readme/oas-examples/package.json'),
);

/** Where an entry of the table lies; one in an archive is unpacked into a folder first. */
export async function locate(name: string, scratch: string): Promise<string> {
  if (!name.startsWith('real/')) return join(examplesFolder, name);
  const file = join(documentsFolder, 'openapi', name.slice('real/'.length));
  const [, archive, inside] = /^(.*\.tar\.gz)\/(.*)$/.exec(file) ?? [];
  if (archive === undefined || inside === undefined) return file;
  await promisify(execFile)('tar', ['xzf', archive, '-C', scratch]);
  return join(scratch, inside);
}
