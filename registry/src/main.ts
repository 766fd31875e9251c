import { enableCompileCache } from 'node:module';
import { join } from 'node:path';
import { hastenLoading } from './loading.ts';

// As for Weir in one process: what loads takes longer than what it does at start.
enableCompileCache(join(import.meta.dirname, '../../node_modules/.cache/weir'));
hastenLoading();
const { runMain } = await import('@weir/kit');
const { readRegistryConfig } = await import('./config.ts');
const { openRegistry } = await import('./registry.ts');

await runMain(() => openRegistry(readRegistryConfig(process.env)));
