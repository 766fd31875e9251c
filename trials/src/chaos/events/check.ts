import { ownEnds } from '../check.ts';
import type { Refused } from '../record.ts';
import type { EventRun } from './run.ts';

/** What a trial of events came to. */
export interface EventVerdict {
  /** Acknowledged events that a subscriber was never told of, one for each of both. */
  readonly lost: readonly string[];
  /** What came in another order than it was published in. */
  readonly reordered: readonly string[];
  /** Events that came again to a subscriber. */
  readonly duplicates: number;
  /** Whatever else may not be: published twice, refused for no true reason, ended by itself. */
  readonly wrong: readonly string[];
  readonly isWell: boolean;
}

/** What a call may fail with while things are broken; DEADLINE_EXCEEDED, when it is frozen. */
const HONEST: ReadonlySet<string> = new Set(['Unavailable', 'DeadlineExceeded']);

/** Checks what the subscribers were told against what was acknowledged. */
export function checkEvents(run: EventRun): EventVerdict {
  const { publishers, subscribers, crashes, recoveredMs } = run;
  const acknowledged = publishers.flatMap((publisher) => publisher.acknowledged);
  const lost: string[] = [];
  const reordered: string[] = [];
  const wrong = [
    ...publishers.flatMap(({ failed }) => failed.filter(isDishonest).map(textOf('publish'))),
    ...ownEnds(crashes),
  ];
  let duplicates = 0;
  for (const { name, ledger, thrown, breaks } of subscribers) {
    const told = (text: string) => `${name}: ${text}`;
    lost.push(...ledger.missing(acknowledged).map((number) => told(`${number} never came`)));
    reordered.push(...ledger.reordered.map(told));
    wrong.push(...ledger.twice.map((text) => told(`published twice: ${text}`)));
    wrong.push(...thrown.map(textOf(`${name} was thrown out`)));
    wrong.push(...breaks.filter(isDishonestBreak).map(textOf(`${name} broke off`)));
    duplicates += ledger.duplicates;
  }
  if (recoveredMs === null) wrong.push('not everything was published and told after healing');
  const isWell = lost.length + reordered.length + wrong.length === 0;
  return { lost, reordered, duplicates, wrong, isWell };
}

function isDishonest({ code }: Refused): boolean {
  return !HONEST.has(code);
}

function isDishonestBreak({ code, reason }: Refused): boolean {
  return code !== 'Unavailable' && reason !== 'SUBSCRIBER_SLOW';
}

function textOf(what: string): (refused: Refused) => string {
  return ({ code, reason, text }) => `${what}: ${code} ${reason}: ${text}`;
}
