import { enableCompileCache } from 'node:module';
import { join } from 'node:path';

// To strip types from hundreds of files and compile them takes longer than what they do at start.
enableCompileCache(join(import.meta.dirname, '../../node_modules/.cache/weir'));
const { runStandalone } = await import('./run.ts');

await runStandalone(process.env, process.argv.slice(2));
