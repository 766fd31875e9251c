import { createRandom } from './random.ts';

/** What can be done to a part or to a link between two. */
export type FaultKind =
  | 'kill'
  | 'freeze'
  | 'refuse'
  | 'stall'
  | 'reset'
  | 'flush'
  | 'spoil'
  | 'full'
  | 'replica'
  | 'read-only';

/** Something that breaks at a time, and is mended at another. */
export interface Fault {
  /** Since the begin of the trial. */
  readonly atMs: number;
  /** When it is mended; the same for what is over at once. */
  readonly untilMs: number;
  /** The part or link. */
  readonly target: string;
  readonly kind: FaultKind;
}

/** What there is to break. */
export interface Targets {
  /** Processes of Weir's and providers. */
  readonly processes: readonly string[];
  readonly links: readonly string[];
  /** What is done to the servers of others. Default: all that can be. */
  readonly servers?: readonly ServerKinds[];
  /** The longest that anything is broken. Default: 6 s. */
  readonly longestMs?: number;
}

type ServerKinds = readonly [target: string, kinds: readonly FaultKind[]];

const serverKinds: readonly ServerKinds[] = [
  ['postgres', ['kill', 'freeze', 'read-only']],
  ['redis', ['kill', 'freeze', 'flush', 'spoil', 'full', 'replica']],
];
const AT_ONCE_OVER: ReadonlySet<FaultKind> = new Set(['reset', 'flush', 'spoil']);
const FIRST_MS = 500;
const GAP_MS = { from: 200, to: 1_600 } as const;
const LENGTH_MS = { from: 300, to: 6_000 } as const;
/** The last fault is mended this long before the end, so that what follows it is seen too. */
const CALM_MS = 500;

/**
 * The faults of a trial, by time: the same seed, the same faults. Every kind comes to every
 * target before one comes again; faults of different targets overlap, those of one do not.
 */
export function createSchedule(seed: number, durationMs: number, targets: Targets): Fault[] {
  const random = createRandom(seed);
  const faults: Fault[] = [];
  const busyUntilMs = new Map<string, number>();
  const endMs = durationMs - CALM_MS;
  let round: { target: string; kind: FaultKind }[] = [];
  for (let atMs = FIRST_MS; atMs < endMs; atMs += random.between(GAP_MS.from, GAP_MS.to)) {
    if (round.length === 0) round = random.shuffled(everyFault(targets));
    const next = round.findIndex(({ target }) => (busyUntilMs.get(target) ?? 0) < atMs);
    if (next < 0) continue;
    const [chosen] = round.splice(next, 1);
    if (!chosen) continue;
    const lengthMs = random.between(LENGTH_MS.from, targets.longestMs ?? LENGTH_MS.to);
    const untilMs = AT_ONCE_OVER.has(chosen.kind) ? atMs : Math.min(atMs + lengthMs, endMs);
    busyUntilMs.set(chosen.target, untilMs);
    faults.push({ atMs: Math.round(atMs), untilMs: Math.round(untilMs), ...chosen });
  }
  return faults;
}

function everyFault({
  processes,
  links,
  servers = serverKinds,
}: Targets): { target: string; kind: FaultKind }[] {
  const all: [string, readonly FaultKind[]][] = [
    ...processes.map((name): [string, FaultKind[]] => [name, ['kill', 'freeze']]),
    ...links.map((name): [string, FaultKind[]] => [name, ['refuse', 'stall', 'reset']]),
    ...servers.map(([name, kinds]): [string, readonly FaultKind[]] => [name, kinds]),
  ];
  return all.flatMap(([target, kinds]) => kinds.map((kind) => ({ target, kind })));
}
