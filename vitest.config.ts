import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: [
      '{kit,policy,journal,registry,router,providers,standalone,cli,sdk,scripts,trials,bench,examples}/**/*.test.ts',
    ],
    exclude: ['**/node_modules/**', '**/dist/**'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
});
