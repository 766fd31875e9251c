import type { Verdict } from './check.ts';
import type { Refused } from './record.ts';
import type { ChaosRun } from './run.ts';

const VIOLATIONS_SHOWN = 20;
/** What counts as lost; everything else that is broken counts as wrong. */
const LOSSES: ReadonlySet<string> = new Set(['lost', 'half-applied']);

/** What a trial came to, for people; its last line says what is wrong and lost. */
export function summarise(run: ChaosRun, verdict: Verdict): string {
  const { record, done } = run;
  const answers = record.calls.flatMap(({ answers: all }) => all);
  const refs = record.calls.reduce((sum, call) => sum + call.refs.length, 0);
  const good = answers.filter(({ refused }) => !refused || refused.reason === 'KEY_NOT_FOUND');
  const refused = answers.flatMap(({ refused: why }) => (why ? [why] : []));
  const failed = record.calls.flatMap(({ failed: why }) => (why ? [why] : []));
  const acknowledged = record.registryWrites.filter((write) => !write.failed);
  const open = record.registryWrites.flatMap(({ failed: why }) => (why ? [why] : []));
  const recovered =
    record.recoveredMs === null ? 'never' : `${Math.round(record.recoveredMs)} ms after healing`;
  return [
    `faults        ${done.length}: ${counts(done.map(({ kind }) => kind))}`,
    `calls         ${record.calls.length}, of them failed ${failed.length}: ${reasons(failed)}`,
    `answers       ${verdict.checked} checked: ${counts(answers.map(({ cache }) => cache.toLowerCase()))}`,
    `availability  ${percent(good.length, refs)} of ${refs} refs`,
    `refused       ${refused.length} items: ${reasons(refused)}`,
    `writes        ${acknowledged.length} acknowledged, ${open.length} open: ${reasons(open)}`,
    `read back     ${record.tokenReads.filter(({ seen }) => seen).length} by token, ${record.found.length} after healing`,
    `recovered     ${recovered}`,
    ...shown(verdict),
    lastLine(verdict),
  ].join('\n');
}

/** The line that a trial ends with. */
export function lastLine({ violations }: Verdict): string {
  const lost = violations.filter(({ kind }) => LOSSES.has(kind)).length;
  return `wrong ${violations.length - lost}, lost ${lost}`;
}

function shown({ violations }: Verdict): string[] {
  if (violations.length === 0) return [];
  const kinds = counts(violations.map(({ kind }) => kind));
  const first = violations.slice(0, VIOLATIONS_SHOWN);
  return [`violations    ${kinds}`, ...first.map(({ kind, text }) => `  ${kind}: ${text}`)];
}

/** How often each reason is there. */
export function reasons(all: readonly Refused[]): string {
  return counts(all.map(({ code, reason }) => (reason === 'UNSPECIFIED' ? code : reason)));
}

/** How often each is there, the most frequent first. */
export function counts(all: readonly string[]): string {
  const grouped = [...Map.groupBy(all, (one) => one)].map(
    ([one, own]) => [one, own.length] as const,
  );
  const sorted = grouped.sort(([, a], [, b]) => b - a);
  return sorted.map(([one, count]) => `${one} ${count}`).join(', ') || 'none';
}

function percent(part: number, whole: number): string {
  return whole === 0 ? 'none' : `${((100 * part) / whole).toFixed(2)} %`;
}
