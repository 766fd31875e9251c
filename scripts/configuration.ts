import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { configurationPage } from './configuration/page.ts';

// Writes docs/configuration.md from the settings that the code declares; with --check, only says
// whether the page is as the code is.

const file = join(import.meta.dirname, '../docs/configuration.md');
const page = await configurationPage();
if (!process.argv.includes('--check')) {
  writeFileSync(file, page);
} else if (readFileSync(file, 'utf8') !== page) {
  console.error('docs/configuration.md is not as the code is: run npm run configuration');
  process.exitCode = 1;
}
