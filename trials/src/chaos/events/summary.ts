import { counts, reasons } from '../summary.ts';
import type { EventVerdict } from './check.ts';
import type { EventRun } from './run.ts';

const SHOWN_MAX = 20;

/** What a trial of events came to, for people; its last line says what is lost and reordered. */
export function summariseEvents(run: EventRun, verdict: EventVerdict): string {
  const { done, publishers, subscribers, recoveredMs } = run;
  const failed = publishers.flatMap((one) => one.failed);
  const acknowledged = publishers.flatMap((one) => one.acknowledged).length;
  const sum = (figure: (one: (typeof subscribers)[number]) => number) =>
    subscribers.reduce((total, one) => total + figure(one), 0);
  const again = recoveredMs === null ? 'never' : `${Math.round(recoveredMs)} ms after healing`;
  const restarts = `${sum((one) => one.restarts)} left and went on from a stored cursor`;
  return [
    `faults       ${done.length}: ${counts(done.map(({ kind }) => kind))}`,
    `published    ${acknowledged} acknowledged, ${failed.length} attempts failed and were made again: ${reasons(failed)}`,
    `subscribers  ${subscribers.length}, ${restarts}; broke off ${sum((one) => one.breaks.length)}: ${reasons(subscribers.flatMap(({ breaks }) => breaks))}`,
    `told         ${sum((one) => one.ledger.count)} events, ${verdict.duplicates} of them again; ${sum((one) => one.received)} came to the SDK`,
    `recovered    all was told ${again}`,
    ...shown('lost', verdict.lost),
    ...shown('reordered', verdict.reordered),
    ...shown('wrong', verdict.wrong),
    lastEventLine(verdict),
  ].join('\n');
}

/** The line that a trial of events ends with. */
export function lastEventLine({ lost, reordered, duplicates }: EventVerdict): string {
  return `lost ${lost.length}, reordered ${reordered.length}, duplicates ${duplicates}`;
}

function shown(what: string, all: readonly string[]): string[] {
  if (all.length === 0) return [];
  return [`${what} ${all.length}`, ...all.slice(0, SHOWN_MAX).map((text) => `  ${text}`)];
}
