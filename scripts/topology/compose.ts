import { readFileSync } from 'node:fs';
import { parse } from 'yaml';

/** When a service that depends on another may start. */
export type Condition = 'service_started' | 'service_healthy' | 'service_completed_successfully';

/** A service of compose.yaml, as far as processes go. */
export interface Service {
  readonly name: string;
  /** The image; undefined: the one that is built here. */
  readonly image: string | undefined;
  readonly command: readonly string[] | undefined;
  readonly environment: Readonly<Record<string, string>>;
  readonly dependsOn: Readonly<Record<string, Condition>>;
  /** Undefined: that of the image. False: none. */
  readonly healthcheck: readonly string[] | undefined | false;
  readonly mounts: readonly Mount[];
  /** The ports that it listens on. */
  readonly ports: readonly string[];
  /** Whether it is started again when it ends. */
  readonly staysUp: boolean;
  readonly stopGraceMs: number;
}

/** A folder or file of the outside, at a path of the container. */
export interface Mount {
  /** The name of a volume, or a path that begins with `./`. */
  readonly source: string;
  readonly target: string;
  readonly readOnly: boolean;
}

interface Written {
  readonly build?: string;
  readonly image?: string;
  readonly command?: string[];
  readonly environment?: Record<string, string>;
  readonly depends_on?: Record<string, { condition: Condition }>;
  readonly healthcheck?: { readonly disable?: boolean; readonly test?: string[] };
  readonly volumes?: string[];
  readonly expose?: string[];
  readonly restart?: string;
  readonly stop_grace_period?: string;
}

const STOP_GRACE_DEFAULT_MS = 10_000;

/** Reads the services of a compose file, those first that others depend on. */
export function readCompose(file: string): Service[] {
  const { services } = parse(readFileSync(file, 'utf8'), { merge: true }) as {
    services: Record<string, Written>;
  };
  return inOrder(Object.entries(services).map(([name, written]) => toService(name, written)));
}

function toService(name: string, written: Written): Service {
  const { healthcheck, depends_on: dependsOn = {}, stop_grace_period: grace } = written;
  return {
    name,
    image: written.build === undefined ? written.image : undefined,
    command: written.command,
    environment: written.environment ?? {},
    dependsOn: Object.fromEntries(
      Object.entries(dependsOn).map(([other, { condition }]) => [other, condition]),
    ),
    healthcheck: healthcheck?.disable === true ? false : healthcheck?.test?.slice(1),
    mounts: (written.volumes ?? []).map((text) => {
      const [source = '', target = '', mode] = text.split(':');
      return { source, target, readOnly: mode === 'ro' };
    }),
    ports: written.expose ?? [],
    staysUp: written.restart !== 'no',
    stopGraceMs: grace === undefined ? STOP_GRACE_DEFAULT_MS : Number.parseInt(grace, 10) * 1000,
  };
}

function inOrder(services: readonly Service[]): Service[] {
  const ordered: Service[] = [];
  while (ordered.length < services.length) {
    const next = services.find(
      (one) =>
        !ordered.includes(one) &&
        Object.keys(one.dependsOn).every((other) => ordered.some(({ name }) => name === other)),
    );
    if (!next) throw new Error('compose.yaml: services depend on each other in a circle');
    ordered.push(next);
  }
  return ordered;
}
