// What the bench measures, and the form of its results: the words that its parts share.

/** The scenarios, by the names that results and histories use. */
export const scenarioNames = [
  'single-warm',
  'batch32-warm',
  'batch128-warm',
  'batch32-miss10',
  'passthrough-miss',
  'batch32-masked',
  'rules-100k',
  'cache-1m',
  'overload-4x',
] as const;
export type ScenarioName = (typeof scenarioNames)[number];

/** Who is measured. */
export const subjectNames = [
  'weir',
  'weir-connect-lane',
  'weir-node-http2',
  'node-http2',
  'grpc-js',
  'connect-node',
  'naive-router',
  'node-proxy',
  'nginx',
  'haproxy',
] as const;
/** Weir set up otherwise, to be compared with itself; each is of one scenario only. */
export const baselineNames = ['weir-unmasked', 'weir-10-rules', 'weir-1k-items'] as const;
export type SubjectName = (typeof subjectNames)[number] | (typeof baselineNames)[number];

/** One kind of work. */
export interface Scenario {
  readonly name: ScenarioName;
  /** What it shows, in one line. */
  readonly about: string;
  /** Refs in a batch. */
  readonly refs: number;
  /** The bytes of a value. */
  readonly valueBytes: number;
  /** Keys that are asked for again and again, by Zipf's law; 0: none. */
  readonly keys: number;
  /** Refs of a batch, the first ones, whose keys nobody has asked for before. */
  readonly freshRefs: number;
  /** Principals that call by turns, each with a key of its own. */
  readonly principals: number;
  /** Rules of the tenant's policies, from the committed generator. */
  readonly rules: number;
  /** Whether obligations mask a field of every value. */
  readonly masked: boolean;
  /** Whom it is measured with; the first is compared with all others. */
  readonly subjects: readonly SubjectName[];
  /** What is measured of each subject, in this order. */
  readonly loads: readonly LoadPlan[];
}

/**
 * What is measured. `saturation`: as many calls as it answers, `concurrency` of them always under way
 * (a closed loop). `half`: an open loop at half of the subject's own saturation of the same
 * repetition. `fixed`: an open loop at a rate. `times`: an open loop at that many times its saturation.
 */
export type LoadPlan =
  | { readonly kind: 'saturation'; readonly concurrency: number }
  | { readonly kind: 'half' }
  | { readonly kind: 'fixed'; readonly rate: number }
  | { readonly kind: 'times'; readonly times: number };

/** A load as it is sent. */
export type Load =
  | { readonly kind: 'closed'; readonly concurrency: number }
  | { readonly kind: 'open'; readonly rate: number };

/** What is sent: every call is one of the bodies under one of the heads, both by turns. */
export interface Traffic {
  /** Such as "/weir.router.v1.RouterService/FetchContext". */
  readonly path: string;
  readonly protocol: 'grpc' | 'connect';
  /** The headers that differ from call to call, such as authorization: one list for each head. */
  readonly heads: readonly (readonly (readonly [name: string, value: string])[])[];
  /** The messages, without the prefix of the protocol. */
  readonly bodies: readonly Body[];
  /** So many results are in each answer. */
  readonly results: number;
  /** Whether results may be refusals: only where overload is what is measured. */
  readonly refusalsAllowed: boolean;
}

/** A message; wherever a key is to be one that nobody asked for, it holds 12 digits to be counted up. */
export interface Body {
  readonly bytes: Uint8Array;
  /** The places of the first of these digits. */
  readonly freshAt: readonly number[];
}

/** One thing for the load process to do. */
export interface LoadJob {
  readonly host: string;
  readonly port: number;
  readonly traffic: Traffic;
  readonly load: Load;
  readonly connections: number;
  /** Before the measurement, under the same load. */
  readonly warmupMs: number;
  readonly durationMs: number;
  /** A call that is not answered so long after it was to be sent is an error. */
  readonly timeoutMs: number;
  /** Fresh keys are counted from here. */
  readonly freshFrom: number;
}

/** What came of it. Latencies count from the intended start of a call. */
export interface LoadResult {
  /** Calls whose intended start lies in the measured time. */
  readonly sent: number;
  /** Calls answered whole, without an error. */
  readonly ok: number;
  /** Answered or failed calls that were not, by what was wrong, such as "grpc-status 14". */
  readonly errors: Readonly<Record<string, number>>;
  /** Answers that were decoded and looked through; they are a sample. */
  readonly checked: number;
  /** From the first intended start to the last one. */
  readonly durationMs: number;
  readonly callsPerSecond: number;
  readonly latency: Latency;
  /** Of the calls that were refused for overload, when there are any. */
  readonly refusedLatency?: Latency;
  readonly overTime: readonly Moment[];
  readonly generator: Generator;
  /** Bytes read from the connections. */
  readonly bytesRead: number;
  /** The next fresh key. */
  readonly freshNext: number;
}

/** Milliseconds. */
export interface Latency {
  readonly p50Ms: number;
  readonly p90Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly maxMs: number;
  readonly meanMs: number;
  readonly count: number;
  /** Value at percentile, for the plot: from 0 to 99.999. */
  readonly curve: readonly (readonly [percentile: number, ms: number])[];
}

/** A tenth of a second of a measurement. */
export interface Moment {
  readonly atMs: number;
  readonly calls: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** Whether the load generator kept up. */
export interface Generator {
  /** Of one core, from 0 to 1. */
  readonly cpuShare: number;
  /** How late calls were sent after their intended start (open loop). */
  readonly sendLagP99Ms: number;
  readonly sendLagMaxMs: number;
}

/** One repetition of one load of one subject. */
export interface Repetition extends LoadResult {
  readonly repetition: number;
  /** CPU seconds of the subject's processes. */
  readonly cpuSeconds: number;
  /** Their greatest resident memory. */
  readonly rssMb: number;
  /** Their collections; undefined: it does not tell. */
  readonly gcMs: number | undefined;
  readonly gcMaxMs: number | undefined;
  /** CPU that others took of the machine meanwhile, of one core. */
  readonly foreignCpuShare: number;
  /** How often it was measured again because others took too much. */
  readonly disturbed: number;
}

/** What results are written as. Figures are medians over the repetitions. */
export interface ScenarioResult {
  readonly name: ScenarioName;
  readonly subject: SubjectName;
  readonly protocol: 'grpc' | 'connect';
  /** What it was sent; `plan` says why. */
  readonly load: Load & { readonly plan: LoadPlan['kind'] };
  readonly callsPerSecond: number;
  readonly itemsPerSecond: number;
  readonly p50Ms: number;
  readonly p90Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly maxMs: number;
  /** Calls per second at saturation, of the same run; undefined: not measured. */
  readonly saturation: number | undefined;
  /** Over all repetitions. */
  readonly errors: number;
  readonly cpuSeconds: number;
  readonly rssMb: number;
  readonly gcMs: number | undefined;
  readonly generator: Pick<Generator, 'cpuShare' | 'sendLagP99Ms'>;
  readonly repetitions: readonly Repetition[];
}

/** The file of results. */
export interface Results {
  readonly at: string;
  readonly machine: Machine;
  readonly settings: { readonly repetitions: number; readonly durationMs: number };
  readonly scenarios: readonly ScenarioResult[];
  /** Such as "batch32-warm.callsPerSecond.vs.node-http2". */
  readonly ratios: Readonly<Record<string, number>>;
  /** The least and greatest of each ratio over the repetitions, paired in time. */
  readonly spread: Readonly<Record<string, readonly [least: number, greatest: number]>>;
  /** Goals that the house has set itself, and whether they hold. */
  readonly goals: readonly GoalResult[];
  /** Subjects that were left out, and why. */
  readonly leftOut: Readonly<Record<string, string>>;
  /** How latency grows with the load, when that was measured. */
  readonly sweep?: readonly SweepPoint[];
}

/** A subject at one step on its way to saturation, in an open loop. */
export interface SweepPoint {
  readonly scenario: ScenarioName;
  readonly subject: SubjectName;
  /** Of its saturation, such as 0.9. */
  readonly share: number;
  /** Calls per second. */
  readonly rate: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly errors: number;
}

/** What it was measured on: nothing that tells where it stands. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGb: number;
  readonly node: string;
  readonly pinned: boolean;
}

/** A goal, measured. */
export interface GoalResult {
  readonly name: string;
  readonly goal: string;
  readonly measured: string;
  readonly held: boolean;
}

/** Somebody to be measured, ready to be called. */
export interface RunningSubject extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  /** Whose CPU and memory count. */
  readonly pids: readonly number[];
  /** The headers of a call, one list for each principal. */
  readonly heads: Traffic['heads'];
  /** What collections took since the last time this was asked; undefined: it does not tell. */
  gc(): Promise<{ readonly totalMs: number; readonly maxMs: number } | undefined>;
  /** Stops it where it stands while others are measured; absent: nobody notices it then. */
  pause?(): void;
  /** Lets it go on; resolves when it can be called. */
  resume?(): Promise<void>;
}

/** How somebody is opened. */
export interface SubjectDef {
  readonly name: SubjectName;
  /** Why it cannot be measured here; undefined: it can. */
  whyNot?(): string | undefined;
  open(scenario: Scenario, pins: Pins): Promise<RunningSubject>;
}

/** Which cores are whose; undefined: the system does not let us choose. */
export interface Pins {
  readonly subject: string | undefined;
  /** Load, and all that stands beside the subject: providers, registry. */
  readonly others: string | undefined;
}
