import { execFileSync } from 'node:child_process';
import { chownSync, existsSync, globSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Service } from './compose.ts';
import type { Image } from './image.ts';
import { identity, imageUser, makeFolder, type Place } from './place.ts';

/** What stands for the image of a service: a program of this machine, or Weir as it was built. */
export interface Program {
  readonly words: readonly string[];
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  readonly user: { readonly uid: number; readonly gid: number };
  readonly stopSignal: NodeJS.Signals;
  /** Makes what the image's entry point makes before the program starts. */
  prepare(): void;
}

/** Where programs are made ready. */
export interface ProgramPlace {
  readonly service: Service;
  readonly place: Place;
  readonly image: Image;
  /** The folder of the whole topology. */
  readonly folder: string;
}

const postgresBin = globSync('/usr/lib/postgresql/*/bin').toSorted().at(-1);
const path = [postgresBin, process.env.PATH, '/usr/sbin', '/usr/local/sbin']
  .filter((one) => one !== undefined)
  .join(delimiter);

/** Whether this machine has a program. */
export function hasProgram(name: string): boolean {
  return path.split(delimiter).some((folder) => existsSync(join(folder, name)));
}

/** The program that stands for a service. */
export function programOf(at: ProgramPlace): Program {
  const { image } = at.service;
  if (image === undefined) return weir(at);
  const name = image.split(':', 1)[0] ?? '';
  const known = { postgres, redis, haproxy }[name];
  if (!known) throw new Error(`compose.yaml: no program here stands for the image ${image}`);
  return known(at);
}

function weir({ service, place, image, folder }: ProgramPlace): Program {
  const settings = { ...image.env, ...service.environment };
  const { PATH = '', ...env } = Object.fromEntries(
    Object.entries(settings).map(([name, value]) => [name, place.word(value)]),
  );
  const temp = join(folder, 'tmp', service.name);
  return {
    words: [...image.entrypoint, ...(service.command ?? image.command).map(place.word)],
    cwd: join(image.root, image.workdir),
    env: { ...env, ...outboundOf(env), PATH: `${join(folder, 'bin')}:${PATH}`, TMPDIR: temp },
    user: imageUser,
    stopSignal: 'SIGTERM',
    prepare: () => makeFolder(temp, imageUser),
  };
}

/** The private networks of the containers are the loopback of this machine. */
function outboundOf({ WEIR_OUTBOUND_ALLOW: allow }: Readonly<Record<string, string>>) {
  return allow === undefined ? {} : { WEIR_OUTBOUND_ALLOW: allow.replace('private', 'loopback') };
}

function postgres({ service, place, folder }: ProgramPlace): Program {
  const { POSTGRES_USER = '', POSTGRES_DB = '', POSTGRES_PASSWORD_FILE = '' } = service.environment;
  const data = place.translate('/var/lib/postgresql/data');
  const user = systemUser('postgres');
  const password = () => readFileSync(place.translate(POSTGRES_PASSWORD_FILE), 'utf8').trim();
  const port = String(place.port('5432'));
  const env = {
    PATH: path,
    LC_ALL: 'C.UTF-8',
    PGHOST: '127.0.0.1',
    PGPORT: port,
    get PGPASSWORD() {
      return password();
    },
  };
  return {
    words: ['postgres', '-D', data, '-p', port, '-c', 'unix_socket_directories='],
    cwd: folder,
    env,
    user,
    stopSignal: 'SIGINT',
    prepare() {
      makeFolder(data, user);
      if (existsSync(join(data, 'PG_VERSION'))) return;
      const passwordFile = join(folder, 'initdb.password');
      writeFileSync(passwordFile, password(), { mode: 0o600 });
      if (process.getuid?.() === 0) chownSync(passwordFile, user.uid, user.gid);
      const run = (program: string, args: string[], input?: string) =>
        execFileSync(program, args, {
          env: { PATH: path },
          input,
          stdio: 'pipe',
          ...identity(user),
        });
      const auth = ['--auth=scram-sha-256', `--pwfile=${passwordFile}`];
      run('initdb', ['-D', data, '-U', POSTGRES_USER, '-E', 'UTF8', '--no-locale', ...auth]);
      // In single-user mode nothing has to listen yet.
      run('postgres', ['--single', '-D', data, 'postgres'], `create database ${POSTGRES_DB}\n`);
    },
  };
}

function redis({ service, place, folder }: ProgramPlace): Program {
  const data = join(folder, 'tmp', service.name);
  return {
    words: [...(service.command ?? []).map(place.word), '--bind', '127.0.0.1', '--dir', data],
    cwd: folder,
    env: { PATH: path },
    user: imageUser,
    stopSignal: 'SIGTERM',
    prepare: () => makeFolder(data, imageUser),
  };
}

function haproxy({ service, place, folder }: ProgramPlace): Program {
  const [, , file = ''] = service.command ?? [];
  const translated = join(folder, 'haproxy.cfg');
  return {
    words: ['haproxy', '-W', '-db', '-f', translated],
    cwd: folder,
    env: { PATH: path },
    user: imageUser,
    stopSignal: 'SIGUSR1',
    prepare() {
      const lines = readFileSync(place.translate(file), 'utf8').split('\n');
      writeFileSync(translated, lines.map((line) => gatewayLine(line, place)).join('\n'));
    },
  };
}

/** `bind :7070`, and the port of operations of a server, which stands apart from its name. */
function gatewayLine(line: string, place: Place): string {
  const bound = line.replace(/bind :(\d+)/, (_, port: string) => `bind 127.0.0.1:${port}`);
  const [, server = ''] = /^\s*server (\S+)/.exec(line) ?? [];
  const whole = bound.replace(/ port (\d+)$/, (_, port: string) => ` port ${server}:${port}`);
  return place.translate(whole).replace(/ port 127\.0\.0\.1:(\d+)$/, ' port $1');
}

function systemUser(name: string): { uid: number; gid: number } {
  if (process.getuid?.() !== 0) return imageUser;
  const id = (flag: string) => Number(execFileSync('id', [flag, name], { encoding: 'utf8' }));
  return { uid: id('-u'), gid: id('-g') };
}
