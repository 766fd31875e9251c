import { chmodSync, copyFileSync, mkdirSync, mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readCompose, type Service } from './compose.ts';
import { buildImage, type Image, sealImage } from './image.ts';
import { findPlaces, makeVolumes } from './place.ts';
import { hasProgram, programOf } from './programs.ts';
import { createRunning, type Running } from './running.ts';

/** The services of compose.yaml as processes. */
export interface Engine extends AsyncDisposable {
  readonly folder: string;
  readonly image: Image;
  /** The services, those first that others depend on. */
  readonly services: readonly Running[];
  /** A service by its name. */
  service(name: string): Running;
  /** Starts what does not run yet, each after what it depends on, and waits for all. */
  up(): Promise<void>;
}

const programs = ['initdb', 'postgres', 'redis-server', 'haproxy'];

/** Programs that are needed and not here. */
export function missingPrograms(): string[] {
  return programs.filter((name) => !hasProgram(name));
}

/** Builds the image and places the services in a folder of their own, which goes in the end. */
export async function openEngine(context: string, say: (text: string) => void): Promise<Engine> {
  const folder = mkdtempSync(join(tmpdir(), 'weir-topology-'));
  await using opening = new AsyncDisposableStack();
  opening.defer(() => rm(folder, { recursive: true, force: true }));
  // Others than its owner run here.
  chmodSync(folder, 0o755);
  for (const name of ['stages', 'bin', 'tmp', 'volumes']) mkdirSync(join(folder, name));
  copyFileSync(process.execPath, join(folder, 'bin', 'node'));
  const image = await buildImage({ context, folder: join(folder, 'stages'), say });
  sealImage(image.root);
  const declared = readCompose(join(context, 'compose.yaml'));
  makeVolumes(declared, { folder, context });
  const places = await findPlaces(declared, { image, folder });
  const services = declared.map((service) => {
    const place = places.get(service.name);
    if (!place) throw new Error(`${service.name} has no place`);
    const program = programOf({ service, place, image, folder });
    return createRunning(service, { place, program, image });
  });
  opening.defer(() => killAll(services));
  const service = (name: string) => {
    const found = services.find((one) => one.service.name === name);
    if (!found) throw new Error(`compose.yaml has no service ${name}`);
    return found;
  };
  const owned = opening.move();
  return {
    folder,
    image,
    services,
    service,
    up: () => up(services, service),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function up(services: readonly Running[], find: (name: string) => Running): Promise<void> {
  const started = services.filter((one) => one.isUp);
  const alarm = () => {
    const gone = started.find((one) => !one.isUp);
    if (gone) throw new Error(`${gone.service.name} ended; it said:\n${gone.output.slice(-4000)}`);
  };
  for (const one of services) {
    if (one.isUp) continue;
    for (const [other, condition] of Object.entries(one.service.dependsOn)) {
      await find(other).reach(reached[condition], alarm);
    }
    one.start();
    if (one.service.staysUp) started.push(one);
    else await one.reach('completed', alarm);
  }
  for (const one of started) await one.reach('healthy', alarm);
}

const reached = {
  service_started: 'up',
  service_healthy: 'healthy',
  service_completed_successfully: 'completed',
} as const;

async function killAll(services: readonly Running[]): Promise<void> {
  await Promise.all(services.map((one) => one.kill()));
}

/** Whether a service is Weir's own, and not a program that it uses. */
export function isWeir(service: Service): boolean {
  return service.image === undefined;
}
