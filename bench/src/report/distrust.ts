import type { Repetition, Results, ScenarioResult } from '../model.ts';
import { foreignShareMax } from '../run/undisturbed.ts';
import { count, ms, percent, planText } from './format.ts';

/** Of one core: beyond it the load generator may be what is measured. */
export const generatorMaxShare = 0.85;
/** Of a p99: beyond it the generator's own lateness makes much of the latency. */
const sendLagMaxShare = 0.5;
/** Less lateness is not worth a word, in milliseconds. */
const sendLagMinMs = 0.5;
/** Of what was sent: when less is answered, the load was beyond the subject. */
const answeredMinShare = 0.95;

/** What speaks against trusting results, one line each; empty: nothing. */
export function distrustOf(results: Pick<Results, 'scenarios' | 'leftOut' | 'machine'>): string[] {
  const { scenarios, leftOut, machine } = results;
  return [
    ...scenarios.flatMap((one) => reasonsOf(one).map((why) => `${placeOf(one)}: ${why}`)),
    ...(machine.pinned
      ? []
      : ['nothing was pinned to a core: subject and load disturb each other']),
    ...Object.entries(leftOut).map(([subject, why]) => `${subject} was left out: ${why}`),
  ];
}

/** How often its repetitions were measured again. */
export function disturbedOf({ repetitions }: Pick<ScenarioResult, 'repetitions'>): number {
  return repetitions.reduce((sum, { disturbed }) => sum + disturbed, 0);
}

function reasonsOf(result: ScenarioResult): string[] {
  const { cpuShare, sendLagP99Ms } = result.generator;
  const disturbed = disturbedOf(result);
  const foreign = Math.max(0, ...result.repetitions.map((one) => one.foreignCpuShare));
  const lagMax = Math.max(sendLagMinMs, result.p99Ms * sendLagMaxShare);
  return [
    ...(cpuShare > generatorMaxShare
      ? [`the load generator used ${percent(cpuShare)} of its core, and may be what was measured`]
      : []),
    ...(result.load.kind === 'open' && sendLagP99Ms > lagMax
      ? [`calls were sent up to ${ms(sendLagP99Ms)} ms late (p99), which the latency contains`]
      : []),
    ...(disturbed > 0
      ? [`${count(disturbed)} measured again, because something else took CPU`]
      : []),
    ...(foreign > foreignShareMax
      ? [`counts although something else took ${percent(foreign)} of a core`]
      : []),
    ...(isBeyond(result)
      ? [`answered ${count(result.callsPerSecond)} calls a second, less than it was sent`]
      : []),
    ...(result.errors > 0 ? [`${count(result.errors)} errors${kindsOf(result.repetitions)}`] : []),
  ];
}

/** Whether a subject was sent more than it can answer, where that was not the purpose. */
function isBeyond({ load, callsPerSecond }: ScenarioResult): boolean {
  if (load.kind === 'closed' || load.plan === 'times') return false;
  return callsPerSecond < load.rate * answeredMinShare;
}

function kindsOf(repetitions: readonly Repetition[]): string {
  const kinds = new Set(repetitions.flatMap(({ errors }) => Object.keys(errors)));
  return kinds.size > 0 ? `: ${[...kinds].join(', ')}` : '';
}

function placeOf(result: ScenarioResult): string {
  return `${result.name}, ${result.subject}, ${planText(result)}`;
}
