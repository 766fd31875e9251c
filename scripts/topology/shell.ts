import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Engine } from './engine.ts';
import type { Running } from './running.ts';

/** Runs commands as an operator would, where `docker compose` means the processes of an engine. */
export interface Shell extends AsyncDisposable {
  /** The commands that were run. */
  readonly ran: ReadonlySet<string>;
  /** Runs a command; throws with what it wrote when it fails. */
  run(command: string): Promise<string>;
}

const execFileAsync = promisify(execFile);

/** Opens a shell in a folder of its own. */
export async function openShell(engine: Engine, context: string): Promise<Shell> {
  const server = createServer((request, response) => {
    void answer(engine, request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const bin = join(engine.folder, 'bin');
  writeFileSync(join(bin, 'docker'), stub(join(bin, 'node'), port));
  chmodSync(join(bin, 'docker'), 0o755);
  const cwd = join(engine.folder, 'shell');
  mkdirSync(cwd);
  cpSync(join(context, 'deploy'), join(cwd, 'deploy'), { recursive: true });
  const ran = new Set<string>();
  return {
    ran,
    async run(command) {
      ran.add(command);
      const env = { PATH: `${bin}:${process.env.PATH}` };
      const running = execFileAsync('sh', ['-c', command], { cwd, env });
      running.child.stdin?.end();
      return (await running).stdout;
    },
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** A `docker` that hands its arguments, input and output to and from this process. */
function stub(node: string, port: number): string {
  return `#!${node}
const request = require('node:http').request({
  ...{ host: '127.0.0.1', port: ${port}, method: 'POST' },
  headers: { words: JSON.stringify(process.argv.slice(2)) },
});
request.on('response', (response) => {
  response.pipe(process.stdout);
  response.on('end', () => {
    process.stderr.write(decodeURIComponent(response.trailers.errors ?? 'no answer'));
    process.exitCode = Number(response.trailers.code ?? 1);
    process.stdin.destroy();
  });
});
process.stdin.pipe(request);
`;
}

async function answer(engine: Engine, request: IncomingMessage, response: ServerResponse) {
  response.writeHead(200, { trailer: 'code, errors' });
  const ended = (code: number, errors = '') => {
    response.addTrailers({ code: String(code), errors: encodeURIComponent(errors.slice(-2000)) });
    response.end();
  };
  try {
    const [compose, verb = '', ...words] = JSON.parse(String(request.headers.words)) as string[];
    if (compose !== 'compose') throw new Error(`docker ${compose} is not known here`);
    const { code, errors } = await obey(engine, { verb, words, request, response });
    ended(code, errors);
  } catch (error) {
    ended(1, `${error instanceof Error ? error.message : error}\n`);
  }
}

interface Order {
  readonly verb: string;
  readonly words: readonly string[];
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

const done = { code: 0, errors: '' };

async function obey(engine: Engine, order: Order): Promise<{ code: number; errors: string }> {
  const words = order.words.slice(firstName(order.words));
  const [name = '', ...rest] = words;
  const named = () => words.map((word) => engine.service(word));
  switch (order.verb) {
    case 'build':
      // It is built before anything else.
      return done;
    case 'up':
      for (const one of named()) await restart(one);
      await engine.up();
      return done;
    case 'exec':
      return beside(engine.service(name), rest, order);
    case 'run':
      // The image's entry point stands before the words, as in a container of its own.
      return beside(engine.service(name), [...engine.image.entrypoint, ...rest], order);
    case 'stop':
      for (const one of named()) await one.stop();
      return done;
    case 'start':
      for (const one of named()) one.start();
      return done;
    case 'restart':
      for (const one of named()) await restart(one);
      return done;
    case 'kill':
      for (const one of named()) await one.kill();
      return done;
    case 'logs':
      order.response.write(engine.service(name).output);
      return done;
    case 'ps':
      for (const { service, isUp } of engine.services) {
        order.response.write(`${service.name} ${isUp ? 'running' : 'exited'}\n`);
      }
      return done;
    case 'down':
      for (const one of engine.services.toReversed()) await one.stop();
      return done;
    default:
      throw new Error(`docker compose ${order.verb} is not known here`);
  }
}

/** Flags such as --wait and -T mean nothing here: all is waited for, and there is no terminal. */
function firstName(words: readonly string[]): number {
  const at = words.findIndex((word) => !word.startsWith('-'));
  return at === -1 ? words.length : at;
}

async function restart(one: Running): Promise<void> {
  await one.stop();
  one.start();
}

async function beside(one: Running, words: readonly string[], { request, response }: Order) {
  const child = one.exec(words, ['pipe', 'pipe', 'pipe']);
  const { stdin, stdout, stderr } = child;
  if (!stdin || !stdout || !stderr) throw new Error('a command has no streams');
  let errors = '';
  stderr.on('data', (chunk) => {
    errors += chunk;
  });
  stdin.on('error', () => {});
  request.pipe(stdin);
  stdout.pipe(response, { end: false });
  const [code] = await once(child, 'close');
  return { code: Number(code ?? 1), errors };
}
