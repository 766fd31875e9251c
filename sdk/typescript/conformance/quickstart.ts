import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

// Runs a block of the README that is marked as a quick start, as it stands there.

const part = process.argv[2];
const readme = readFileSync(join(import.meta.dirname, '../README.md'), 'utf8');
const marked = new RegExp(`<!-- quickstart: ${part} -->\\s*\`\`\`ts\\n([\\s\\S]*?)\`\`\``);
const [, program] = marked.exec(readme) ?? [];
if (program === undefined) throw new Error(`README.md has no quick start of a ${part}`);
const file = join(import.meta.dirname, `.quickstart-${part}.ts`);
writeFileSync(file, program);
await import(file);
