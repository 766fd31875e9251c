import { enableCompileCache } from 'node:module';
import { join } from 'node:path';

// To strip types and to compile takes longer than what most commands do.
enableCompileCache(join(import.meta.dirname, '../../node_modules/.cache/weir'));
const { run } = await import('./run.ts');
const { openSurroundings } = await import('./shell.ts');

process.exitCode = await run(process.argv.slice(2), openSurroundings(process));
