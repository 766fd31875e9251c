import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import {
  type JSONRPCMessage,
  ReadBuffer,
  serializeMessage,
  type Transport,
} from '@modelcontextprotocol/client';
import { getDefaultEnvironment } from '@modelcontextprotocol/client/stdio';

/** A server that is started as a process of this machine. */
export interface StdioServer {
  readonly command: string;
  readonly args: readonly string[];
  /** Besides a few harmless variables of this process. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string | undefined;
  /** The greatest message read, in bytes. */
  readonly messageMaxBytes: number;
  /** Is told what the server writes on standard error, line by line. */
  readonly onLine: (line: string) => void;
}

/** What is said of one line, in characters; the rest is dropped. */
const lineMaxChars = 1_000;
const endsByItselfMs = 500;
const endsBySignalMs = 1_500;

/**
 * Speaks to a process over its standard input and output. The process leads a group of its own, so
 * that what it has started (`npx` starts a shell, and that the server) ends with it: the SDK's own
 * transport ends only the first.
 */
export function createStdioTransport(server: StdioServer): Transport {
  const buffer = new ReadBuffer({ maxBufferSize: server.messageMaxBytes });
  let child: ChildProcess | undefined;
  let closing: Promise<void> | undefined;

  // By these two the SDK knows that silence means an old server here, and not that it is away.
  const asProcess = { pid: null, stderr: null };
  const transport: Transport = {
    ...asProcess,
    async start() {
      child = spawn(server.command, [...server.args], {
        env: { ...getDefaultEnvironment(), ...server.env },
        stdio: ['pipe', 'pipe', 'pipe'],
        detached: true,
        ...(server.cwd !== undefined && { cwd: server.cwd }),
      });
      listen(child);
      await once(child, 'spawn');
    },
    async send(message) {
      const { stdin } = child ?? {};
      if (!stdin?.writable || closing) throw new Error('the process has ended');
      if (!stdin.write(serializeMessage(message))) await once(stdin, 'drain');
    },
    close() {
      closing ??= end(child);
      return closing;
    },
  };

  function listen(process: ChildProcess): void {
    const report = (error: Error) => transport.onerror?.(error);
    process.on('error', report);
    // Whoever reads nothing more is about to exit, which is told by itself.
    process.stdin?.on('error', () => {});
    process.stdout?.on('data', (chunk: Buffer) => {
      try {
        buffer.append(chunk);
        readMessages();
      } catch (error) {
        report(error as Error);
        void transport.close();
      }
    });
    process.once('exit', () => {
      closing ??= end(process);
      void closing.then(() => transport.onclose?.());
    });
    if (process.stderr) tellLines(process.stderr, server.onLine);
  }

  function readMessages(): void {
    for (;;) {
      let message: JSONRPCMessage | null;
      try {
        message = buffer.readMessage();
      } catch (error) {
        // Some servers also write to standard output what is no message.
        transport.onerror?.(error as Error);
        continue;
      }
      if (message === null) return;
      transport.onmessage?.(message);
      // The SDK handles notifications later than responses: the last progress would come after the
      // result that it came before.
      if (!('id' in message)) {
        setImmediate(readMessages);
        return;
      }
    }
  }

  return transport;
}

function tellLines(stream: NodeJS.ReadableStream, onLine: (line: string) => void): void {
  createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY }).on('line', (line) =>
    onLine(line.slice(0, lineMaxChars)),
  );
}

/** Asks it to end, then makes it, then whatever it has left behind. */
async function end(child: ChildProcess | undefined): Promise<void> {
  if (child?.pid === undefined) return;
  child.stdin?.end();
  if (!(await exits(child, endsByItselfMs))) {
    signalGroup(child.pid, 'SIGTERM');
    if (!(await exits(child, endsBySignalMs))) signalGroup(child.pid, 'SIGKILL');
    await exits(child, endsBySignalMs);
  }
  signalGroup(child.pid, 'SIGKILL');
  for (const stream of [child.stdin, child.stdout, child.stderr]) stream?.destroy();
}

async function exits(child: ChildProcess, withinMs: number): Promise<boolean> {
  if (child.exitCode !== null || child.signalCode !== null) return true;
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const timer = setTimeout(resolve, withinMs, false);
  child.once('exit', () => resolve(true));
  const isGone = await promise;
  clearTimeout(timer);
  return isGone;
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // There is nobody left in it.
  }
}
