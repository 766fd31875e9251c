/** A node of the tree of calls, as V8 profiles have it. */
export interface ProfileNode {
  readonly id: number;
  readonly callFrame: {
    readonly functionName: string;
    readonly url: string;
    /** From 0. */
    readonly lineNumber: number;
  };
}

/** A CPU profile, as files named .cpuprofile have it. */
export interface CpuProfile {
  readonly nodes: readonly ProfileNode[];
  /** The node that was at work at each sample. */
  readonly samples: readonly number[];
  /** The time since the sample before, in microseconds. */
  readonly timeDeltas: readonly number[];
}

/** Takes profiles of another process's main thread. */
export interface Profiler extends AsyncDisposable {
  start(): Promise<void>;
  stop(): Promise<CpuProfile>;
}

const sampleMicros = 200;
const host = '127.0.0.1';

/** Opens a profiler of a Node process that was started with `--inspect` on a port. */
export async function openProfiler(port: number): Promise<Profiler> {
  const targets = await fetch(`http://${host}:${port}/json`);
  const [target] = (await targets.json()) as { webSocketDebuggerUrl: string }[];
  if (!target) throw new Error('the process lets nobody look into it');
  const socket = new WebSocket(target.webSocketDebuggerUrl);
  let lastId = 0;
  const waiting = new Map<number, PromiseWithResolvers<unknown>>();
  socket.addEventListener('message', ({ data }) => {
    const { id, result, error } = JSON.parse(String(data)) as Reply;
    const asked = waiting.get(id ?? 0);
    waiting.delete(id ?? 0);
    if (error) asked?.reject(new Error(error.message));
    else asked?.resolve(result);
  });
  socket.addEventListener('close', () => {
    for (const { reject } of waiting.values()) reject(new Error('the process has ended'));
  });
  await opened(socket);
  const ask = (method: string, params = {}): Promise<unknown> => {
    lastId += 1;
    const id = lastId;
    const asked = Promise.withResolvers<unknown>();
    waiting.set(id, asked);
    socket.send(JSON.stringify({ id, method, params }));
    return asked.promise;
  };
  await ask('Profiler.enable');
  await ask('Profiler.setSamplingInterval', { interval: sampleMicros });
  return {
    start: async () => void (await ask('Profiler.start')),
    stop: async () => ((await ask('Profiler.stop')) as { profile: CpuProfile }).profile,
    async [Symbol.asyncDispose]() {
      socket.close();
    },
  };
}

interface Reply {
  readonly id?: number;
  readonly result?: unknown;
  readonly error?: { readonly message: string };
}

function opened(socket: WebSocket): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.addEventListener('open', () => resolve(), { once: true });
    socket.addEventListener('error', () => reject(new Error('no inspector answers')), {
      once: true,
    });
  });
}
