import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const sdkFolder = join(import.meta.dirname, '..');

/** How long a driver may take to end, in milliseconds, before it is killed. */
const END_MAX_MS = 20_000;

/** What a driver is told of the Weir that it works with. */
export interface DriverEnv {
  readonly url: string;
  readonly key: string;
  /** The name that the provider registers under. */
  readonly provider?: string;
}

/** A process of an SDK's driver. */
interface Driver extends AsyncDisposable {
  /** Sends a line. */
  send(line: object): void;
  /** Asks it to end, and tells its exit code; -1 when it had to be killed. */
  end(): Promise<number>;
  /** Resolves with the exit code when it has ended. */
  readonly ended: Promise<number>;
  /** What it wrote on stderr, at most the last 4,000 characters. */
  errors(): string;
}

/** A provider that an SDK serves. */
export interface ProviderDriver extends Driver {
  /** What it said first: that it is registered, or why not. */
  readonly said: Promise<Readonly<Record<string, unknown>>>;
}

/** What a command of a consumer came to. */
export type Answer = { readonly result: unknown } | { readonly error: unknown };

/** A consumer that does what it is told. */
export interface ConsumerDriver extends Driver {
  /** Has it do something; answers when it is done. */
  do(command: Readonly<Record<string, unknown>>): { readonly id: number; answer: Promise<Answer> };
}

/** Starts the provider of a language. */
export function startProvider(language: string, env: DriverEnv): ProviderDriver {
  const first = Promise.withResolvers<Readonly<Record<string, unknown>>>();
  const driver = start(language, { kind: 'provider', env, onLine: first.resolve });
  void driver.ended.then((code) =>
    first.reject(new Error(`the provider ended with ${code}: ${driver.errors()}`)),
  );
  first.promise.catch(() => {});
  return { ...driver, said: first.promise };
}

/** Starts a consumer of a language. */
export function startConsumer(language: string, env: DriverEnv): ConsumerDriver {
  const waiting = new Map<number, PromiseWithResolvers<Answer>>();
  let last = 0;
  const driver = start(language, {
    kind: 'consumer',
    env,
    onLine: ({ id, ...answer }) => waiting.get(id as number)?.resolve(answer as Answer),
  });
  void driver.ended.then((code) => {
    const error = new Error(`the consumer ended with ${code}: ${driver.errors()}`);
    for (const each of waiting.values()) each.reject(error);
  });
  return {
    ...driver,
    do(command) {
      const id = ++last;
      const answer = Promise.withResolvers<Answer>();
      answer.promise.catch(() => {});
      waiting.set(id, answer);
      driver.send({ id, ...command });
      return { id, answer: answer.promise };
    },
  };
}

interface StartOptions {
  readonly kind: 'provider' | 'consumer';
  readonly env: DriverEnv;
  readonly onLine: (line: Record<string, unknown>) => void;
}

function start(language: string, { kind, env, onLine }: StartOptions): Driver {
  const child = spawn(join(sdkFolder, language, 'bin/driver'), [kind], {
    env: {
      ...process.env,
      WEIR_URL: env.url,
      WEIR_KEY: env.key,
      ...(env.provider !== undefined && { WEIR_PROVIDER: env.provider }),
    },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors = (errors + text).slice(-4_000);
  });
  // One that has ended reads nothing more.
  child.stdin.on('error', () => {});
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (line.startsWith('{')) onLine(JSON.parse(line) as Record<string, unknown>);
    else errors += `${line}\n`;
  });
  const ended = endOf(child);
  const end = async (): Promise<number> => {
    child.kill('SIGTERM');
    child.stdin.end();
    const timer = setTimeout(() => child.kill('SIGKILL'), END_MAX_MS);
    try {
      return await ended;
    } finally {
      clearTimeout(timer);
    }
  };
  return {
    send: (line) => void child.stdin.write(`${JSON.stringify(line)}\n`),
    end,
    ended,
    errors: () => errors,
    [Symbol.asyncDispose]: async () => void (await end()),
  };
}

async function endOf(child: ChildProcess): Promise<number> {
  const [code] = (await once(child, 'close')) as [number | null];
  return code ?? -1;
}
