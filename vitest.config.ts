import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

// Every file of tests has a process of its own, and many start others: what they all load is compiled once.
process.env.NODE_COMPILE_CACHE ??= join(import.meta.dirname, 'node_modules/.cache/tests');

export default defineConfig({
  test: {
    include: [
      '{kit,policy,journal,registry,router,providers,mcp,generator,standalone,cli,sdk,scripts,trials,bench,examples}/**/*.test.ts',
    ],
    exclude: ['**/node_modules/**', '**/dist/**'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
});
