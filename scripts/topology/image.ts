import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, cpSync, lstatSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { parseDockerfile, parseExecForm, parsePairs, type Stage, type Step } from './dockerfile.ts';
import { mayKeepBelow, readIgnore } from './ignore.ts';

/** What an image is to its containers. */
export interface Image {
  /** The folder that stands for `/` of the image. */
  readonly root: string;
  readonly workdir: string;
  readonly env: Readonly<Record<string, string>>;
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
  /** The command of HEALTHCHECK; none: the image has no check. */
  readonly healthcheck: readonly string[] | undefined;
}

/** Where a build happens, and what it says. */
export interface BuildPlace {
  /** The build context: the project. */
  readonly context: string;
  /** An empty folder for the stages. */
  readonly folder: string;
  say(text: string): void;
}

type Build = { -readonly [K in keyof Image]: Image[K] };

const RUN_PREFIX = /^(npm|node) /;

/** Builds the last stage of the Dockerfile as a folder. RUN steps of the system are left out. */
export async function buildImage(place: BuildPlace): Promise<Image> {
  const stages = parseDockerfile(readFileSync(join(place.context, 'Dockerfile'), 'utf8'));
  const built = new Map<string, Image>();
  for (const stage of stages) built.set(stage.name, await buildStage(stage, built, place));
  const last = [...built.values()].at(-1);
  if (!last) throw new Error('Dockerfile: there is no stage');
  return last;
}

async function buildStage(
  stage: Stage,
  built: ReadonlyMap<string, Image>,
  place: BuildPlace,
): Promise<Image> {
  const root = join(place.folder, stage.name);
  mkdirSync(root);
  const image: Build = { ...emptyImage, ...built.get(stage.base), root };
  const base = built.get(stage.base);
  if (base) cpSync(base.root, root, { recursive: true, verbatimSymlinks: true });
  for (const step of stage.steps) await take(step, image, built, place);
  return image;
}

const emptyImage: Omit<Image, 'root'> = {
  workdir: '/',
  env: {},
  entrypoint: [],
  command: [],
  healthcheck: undefined,
};

async function take(
  step: Step,
  image: Build,
  built: ReadonlyMap<string, Image>,
  place: BuildPlace,
): Promise<void> {
  switch (step.verb) {
    case 'WORKDIR':
      image.workdir = resolve(image.workdir, step.rest);
      mkdirSync(join(image.root, image.workdir), { recursive: true });
      return;
    case 'ENV':
      image.env = { ...image.env, ...parsePairs(step.rest) };
      return;
    case 'COPY':
      return copy(step, image, built, place);
    case 'RUN':
      if (!RUN_PREFIX.test(step.rest)) return place.say(`not taken here: RUN ${step.rest}`);
      place.say(`RUN ${step.rest}`);
      return run(step.rest, join(image.root, image.workdir));
    case 'ENTRYPOINT':
      image.entrypoint = parseExecForm(step.rest);
      image.command = [];
      return;
    case 'CMD':
      image.command = parseExecForm(step.rest);
      return;
    case 'HEALTHCHECK':
      image.healthcheck = parseExecForm(step.rest.slice(step.rest.indexOf('[')));
      return;
    case 'USER':
    case 'EXPOSE':
      return;
    default:
      throw new Error(`Dockerfile: ${step.verb} is not known to scripts/topology`);
  }
}

function copy(
  step: Step,
  image: Build,
  built: ReadonlyMap<string, Image>,
  place: BuildPlace,
): void {
  const paths = step.rest.split(/\s+/);
  const target = paths.pop() ?? '';
  const from = step.flags.from;
  const source = from === undefined ? place.context : built.get(from)?.root;
  if (source === undefined) throw new Error(`Dockerfile: there is no stage ${from}`);
  const filter = from === undefined ? contextFilter(place.context) : () => true;
  for (const path of paths) {
    const found = join(source, path);
    const into = join(image.root, resolve(image.workdir, target));
    const isFolder = lstatSync(found).isDirectory();
    const to = !isFolder && /(^|\/)\.?$/.test(target) ? join(into, basename(path)) : into;
    mkdirSync(dirname(to), { recursive: true });
    // As with Docker, a folder gives its content, and what is there already stays.
    cpSync(found, to, { recursive: true, verbatimSymlinks: true, filter });
  }
}

function contextFilter(context: string): (path: string) => boolean {
  const text = readFileSync(join(context, '.dockerignore'), 'utf8');
  const isIgnored = readIgnore(text);
  return (path) => {
    const inside = path.slice(context.length).replace(/^\//, '');
    if (inside === '' || !isIgnored(inside)) return true;
    return lstatSync(path).isDirectory() && mayKeepBelow(text, inside);
  };
}

async function run(command: string, cwd: string): Promise<void> {
  const child = spawn('sh', ['-c', command], {
    cwd,
    env: cleanEnvironment(),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      said += chunk;
    });
  }
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`${command} failed with ${code}:\n${said}`);
}

/** The project's own tools and an npm that started this must not help: only what is built may. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !/^(npm_|NODE_ENV|WEIR_)/.test(name));
  const { PATH = '', ...env } = Object.fromEntries(kept);
  const path = PATH.split(':').filter((one) => !one.endsWith('node_modules/.bin'));
  return { ...env, PATH: [dirname(process.execPath), ...path].join(':') };
}

/** Takes everybody's right to write in the image, as a read-only root does. */
export function sealImage(folder: string): void {
  const { mode } = lstatSync(folder);
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) sealImage(path);
    else if (entry.isFile()) chmodSync(path, lstatSync(path).mode & 0o555);
  }
  chmodSync(folder, mode & 0o555);
}
