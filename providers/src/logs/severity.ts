/** How severe an entry is. */
export interface Severity {
  /** By the scale of OpenTelemetry: 1 to 24. */
  readonly number: number;
  /** As the source writes it. */
  readonly text: string;
}

/** The first number of each range of OpenTelemetry's scale. */
const ranges = { trace: 1, debug: 5, info: 9, warn: 13, error: 17, fatal: 21 } as const;

/** The words of pino, syslog, Java, Python and PostgreSQL. */
const words: Readonly<Record<string, number>> = {
  ...ranges,
  finest: 1,
  verbose: 5,
  fine: 5,
  information: 9,
  informational: 9,
  log: 9,
  notice: 10,
  warning: 13,
  err: 17,
  severe: 17,
  critical: 18,
  crit: 18,
  alert: 19,
  emerg: 21,
  emergency: 21,
  panic: 22,
};

/** The severity that a level stands for: a word, or one of pino's numbers. */
export function toSeverity(level: unknown): Severity | undefined {
  if (typeof level === 'number') return ofPino(level);
  if (typeof level !== 'string' || level === '') return undefined;
  const number = words[level.toLowerCase()];
  return number === undefined ? undefined : { number, text: level };
}

/** Whether a word names a severity. */
export function isSeverityWord(word: string): boolean {
  return Object.hasOwn(words, word);
}

/** Levels between pino's own (10 trace to 60 fatal) take a place between theirs. */
function ofPino(level: number): Severity | undefined {
  if (!Number.isFinite(level) || level < 1) return undefined;
  const names = Object.keys(ranges) as (keyof typeof ranges)[];
  const rank = Math.min(Math.max(Math.floor(level / 10), 1), names.length) - 1;
  const name = names[rank] ?? 'info';
  const within = level >= 60 ? Math.floor((level - 60) / 3) : Math.floor((level % 10) / 3);
  return { number: ranges[name] + Math.min(Math.max(within, 0), 3), text: name };
}
