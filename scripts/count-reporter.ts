import type { Reporter, TestModule } from 'vitest/node';

/**
 * Closes a test run with its count, alone on a line: "12 passed, 0 failed". Before it stand the tests that
 * passed only when they were tried again, where that is allowed: they are to be mended.
 */
// biome-ignore lint/style/noDefaultExport: vitest loads a reporter's default export
export default class CountReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]): void {
    const count = { passed: 0, failed: errors.length, skipped: 0 };
    for (const module of modules) {
      if (module.state() === 'failed' && module.children.size === 0) count.failed++;
      // What is done before and after tests is none of them.
      for (const suite of module.children.allSuites())
        if (suite.errors().length > 0) count.failed++;
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state !== 'pending') count[state]++;
      }
    }
    const wavering = modules.flatMap(({ children }) =>
      [...children.allTests('passed')].filter((test) => (test.diagnostic()?.retryCount ?? 0) > 0),
    );
    for (const { module, fullName } of wavering) {
      process.stdout.write(
        `\nonly the second try passed: ${module.relativeModuleId} > ${fullName}`,
      );
    }
    const skipped = count.skipped > 0 ? `, ${count.skipped} skipped` : '';
    process.stdout.write(`\n${count.passed} passed, ${count.failed} failed${skipped}\n`);
  }
}
