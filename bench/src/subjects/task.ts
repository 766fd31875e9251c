/** What a subject's process is told: JSON in its one argument. */
export interface Task {
  /** Refs in a batch. */
  readonly refs: number;
  /** The bytes of a value. */
  readonly valueBytes: number;
  /** Rules to decide by. */
  readonly rules: number;
  /** Whom it calls, such as "http://127.0.0.1:4000"; absent: nobody. */
  readonly upstream?: string | undefined;
  /** How long values stay true. */
  readonly ttlMs: number;
}

/** What a subject's process says once it listens: one line of JSON. */
export interface Announcement {
  readonly port: number;
  /** Whose CPU and memory count. */
  readonly pids: readonly number[];
}

/** The task of this process. */
export function readTask(): Task {
  return JSON.parse(process.argv[2] ?? '') as Task;
}

/** The upstream of this process. */
export function upstreamOf({ upstream }: Task): string {
  if (upstream === undefined) throw new Error('the task names no upstream');
  return upstream;
}

/** Tells the runner that calls can come. */
export function announce(port: number, pids: readonly number[] = [process.pid]): void {
  process.stdout.write(`${JSON.stringify({ port, pids } satisfies Announcement)}\n`);
}
