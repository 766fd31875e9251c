import type { Reporter, TestModule } from 'vitest/node';
import { rows, triedRows } from './rows.ts';

interface Tried {
  passed: number;
  failed: number;
}

/**
 * Closes a run of the attacks with what became of each row: "ssrf  38 failed to do harm". A row of
 * which no test ran, or one failed, fails the run.
 */
// biome-ignore lint/style/noDefaultExport: vitest loads a reporter's default export
export default class RowsReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const tried = new Map<string, Tried>(triedRows.map((name) => [name, { passed: 0, failed: 0 }]));
    for (const module of modules) {
      for (const test of module.children.allTests()) {
        const row = tried.get(test.name.split(':', 1)[0] ?? '');
        const { state } = test.result();
        if (row && (state === 'passed' || state === 'failed')) row[state] += 1;
      }
    }
    const lines = [...tried].map(([name, { passed, failed }]) => {
      const verdict = failed > 0 ? `, ${failed} DID HARM` : passed === 0 ? ', NOT TRIED' : '';
      return `${name.padEnd(24)}${String(passed).padStart(4)} did no harm${verdict}`;
    });
    const absent = Object.entries(rows).flatMap(([name, row]) =>
      'absent' in row ? [`${name.padEnd(24)}   - ${row.absent}`] : [],
    );
    process.stdout.write(`\n${[...lines, ...absent].join('\n')}\n`);
    const counts = [...tried.values()];
    const attacks = counts.reduce((sum, { passed, failed }) => sum + passed + failed, 0);
    const harm = counts.reduce((sum, { failed }) => sum + failed, 0);
    const untried = counts.filter(({ passed, failed }) => passed + failed === 0).length;
    process.stdout.write(`\n${attacks} attacks, ${harm} did harm, ${untried} rows not tried\n`);
    if (harm + untried > 0) process.exitCode = 1;
  }
}
