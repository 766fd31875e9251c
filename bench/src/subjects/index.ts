import type { Pins, RunningSubject, Scenario, SubjectDef, SubjectName } from '../model.ts';
import { findCommand } from './binary.ts';
import { launch } from './launch.ts';
import type { Task } from './task.ts';

const host = '127.0.0.1';
/** None of them asks who calls. */
const heads = [[['authorization', 'Bearer none']]] as const;
const defaultTtlMs = 3_600_000;

/** Something that a subject calls. */
export interface RunningProvider extends AsyncDisposable {
  /** Such as "http://127.0.0.1:4000". */
  readonly url: string;
  readonly port: number;
  readonly pid: number;
}

/** What stands behind a subject. */
type Behind = (scenario: Scenario, pins: Pins) => Promise<RunningProvider> | undefined;

const nothing: Behind = () => undefined;
const aBackend: Behind = (scenario, pins) => openBeside('node-http2', taskOf(scenario), pins);
const aBackendForMisses: Behind = (scenario, pins) =>
  scenario.name === 'passthrough-miss' ? aBackend(scenario, pins) : undefined;
const aProvider: Behind = ({ valueBytes }, pins) => openProvider(valueBytes, pins);

/** All that Weir is compared with. */
export const subjects: readonly SubjectDef[] = [
  nodeSubject('node-http2', nothing),
  nodeSubject('grpc-js', nothing),
  nodeSubject('connect-node', aBackendForMisses),
  nodeSubject('naive-router', aProvider),
  nodeSubject('node-proxy', aBackend),
  debianSubject('nginx'),
  debianSubject('haproxy'),
];

/**
 * Opens a provider that has every key: ProviderService over gRPC without TLS, and its health.
 *
 * @param valueBytes the size of each value.
 * @param ttlMs how long each value stays true. Default: an hour.
 */
export function openProvider(
  valueBytes: number,
  pins: Pins,
  ttlMs = defaultTtlMs,
): Promise<RunningProvider> {
  return openBeside('provider', { refs: 0, rules: 0, valueBytes, ttlMs }, pins);
}

function nodeSubject(name: SubjectName, behind: Behind): SubjectDef {
  return { name, open: (scenario, pins) => openSubject({ name, behind }, scenario, pins) };
}

/** A server that is not written in JavaScript: it tells nothing of collections. */
function debianSubject(name: 'nginx' | 'haproxy'): SubjectDef {
  return {
    name,
    whyNot() {
      if (process.platform !== 'linux') return 'its processes are only found on Linux';
      if (findCommand(name) === undefined) return `the Debian package ${name} is not installed`;
      return undefined;
    },
    async open(scenario, pins) {
      const subject = await openSubject({ name, behind: aBackend }, scenario, pins);
      return { ...subject, gc: async () => undefined };
    },
  };
}

async function openSubject(
  { name, behind }: { readonly name: SubjectName; readonly behind: Behind },
  scenario: Scenario,
  pins: Pins,
): Promise<RunningSubject> {
  await using opening = new AsyncDisposableStack();
  const other = opening.use(await behind(scenario, pins));
  const task = { ...taskOf(scenario), upstream: other?.url };
  const { port, pids, gc } = opening.use(await launch(name, task, pins.subject));
  const held = opening.move();
  return { host, port, pids, heads, gc, [Symbol.asyncDispose]: () => held.disposeAsync() };
}

async function openBeside(folder: string, task: Task, pins: Pins): Promise<RunningProvider> {
  const launched = await launch(folder, task, pins.others);
  const [pid = 0] = launched.pids;
  const { port } = launched;
  return {
    url: `http://${host}:${port}`,
    port,
    pid,
    [Symbol.asyncDispose]: () => launched[Symbol.asyncDispose](),
  };
}

function taskOf({ refs, valueBytes, rules }: Scenario): Task {
  return { refs, valueBytes, rules, ttlMs: defaultTtlMs };
}
