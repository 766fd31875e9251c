import { parseArgs } from 'node:util';
import { indexPolicies } from '../policy/src/engine/index-policies.ts';
import { compareWithReference } from '../policy/src/reference/equivalence.ts';

// npm run policy:equivalence -- --cases N [--seed S] [--large M]: holds the policy engine to the
// reference (P20). One case is one request under one rule set; a rule set decides up to 60 of them,
// 20 between changes. Exit code 1 when there is a disagreement.

/** How many cases lie between lines of progress. */
const progressCases = 100_000;
/** How many disagreements are shown. */
const shownMax = 5;

const { values } = parseArgs({
  options: {
    cases: { type: 'string', default: '100000' },
    seed: { type: 'string' },
    large: { type: 'string' },
  },
});
const cases = count('cases', values.cases);
const largeCases = count('large', values.large ?? String(Math.floor(cases / 1000)));
const seed = count('seed', values.seed ?? String(Date.now() % 2 ** 31));
const startMs = performance.now();
let shown = 0;
let next = progressCases;

process.stdout.write(
  `seed ${seed}: ${cases} cases of up to 50 rules, ${largeCases} of up to 5000\n`,
);
const report = await compareWithReference({
  cases,
  largeCases,
  seed,
  indexer: indexPolicies,
  onDisagreement(text) {
    shown += 1;
    if (shown <= shownMax) process.stdout.write(`${text.slice(0, 4000)}\n`);
  },
  onProgress(done) {
    if (done < next) return;
    next = done + progressCases;
    process.stdout.write(`${done} cases, ${Math.round((performance.now() - startMs) / 1000)} s\n`);
  },
});
const { allowed, denied, failed, conditional, obliged } = report;
process.stdout.write(
  `${allowed} allowed, ${denied} denied (${failed} for a failing condition), ${obliged} with obligations, ${conditional} conditional without their item\n`,
);
process.stdout.write(
  `cases ${report.cases}, large cases ${report.largeCases}\ndisagreements ${report.disagreements}\n`,
);
if (report.disagreements > 0) process.exitCode = 1;

function count(name: string, text: string): number {
  const number = Number(text);
  if (Number.isSafeInteger(number) && number >= 0) return number;
  throw new Error(`--${name} ${JSON.stringify(text)} is not a count`);
}
