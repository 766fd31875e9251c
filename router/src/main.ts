import { enableCompileCache } from 'node:module';
import { join } from 'node:path';

// As for Weir in one process: what loads takes longer than what it does at start.
enableCompileCache(join(import.meta.dirname, '../../node_modules/.cache/weir'));
const { runMain } = await import('@weir/kit');
const { readRouterConfig } = await import('./config.ts');
const { openRouter } = await import('./router.ts');

await runMain(() => openRouter(readRouterConfig(process.env)));
