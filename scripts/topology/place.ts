import { chownSync, cpSync, mkdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import type { Service } from './compose.ts';
import type { Image } from './image.ts';

/** The user that Weir's processes run as when root starts them: that of the image. */
export const imageUser = { uid: 1000, gid: 1000 } as const;
const isRoot = process.getuid?.() === 0;

/** Where a service runs: the ports, paths and names of its container, on this machine. */
export interface Place {
  /** A text of the container, with its hosts, ports and paths turned into those of here. */
  translate(text: string): string;
  /** A word of a command; one that is a port of the service becomes the port of here. */
  word(text: string): string;
  /** A port of the service, here. */
  port(container: string): number;
}

/** Chooses ports and folders for all services. */
export async function findPlaces(
  services: readonly Service[],
  at: { image: Image; folder: string },
): Promise<Map<string, Place>> {
  const pairs = services.flatMap(({ name, ports }) => ports.map((port) => `${name}:${port}`));
  const free = await freePorts(pairs.length);
  const ports = new Map(pairs.map((pair, i) => [pair, free[i] ?? 0]));
  return new Map(services.map((service) => [service.name, placeOf(service, ports, at)]));
}

function placeOf(
  { name, mounts }: Service,
  ports: ReadonlyMap<string, number>,
  at: { image: Image; folder: string },
): Place {
  const port = (container: string) => {
    const found = ports.get(`${name}:${container}`);
    if (found === undefined) throw new Error(`compose.yaml: ${name} does not expose ${container}`);
    return found;
  };
  const paths = mounts
    .map(({ source, target }) => [target, sourceOf(source, at.folder)] as const)
    .concat([['/app', join(at.image.root, at.image.workdir)]]);
  const translate = (text: string) => {
    let result = text;
    for (const [pair, here] of ports) {
      const [host = '', container = ''] = pair.split(':');
      const hosts = host === name ? `${host}|127\\.0\\.0\\.1|localhost` : host;
      const known = new RegExp(`(?<![\\w.-])(?:${hosts}):${container}(?!\\d)`, 'g');
      result = result.replaceAll(known, `127.0.0.1:${here}`);
    }
    for (const [target, source] of paths) {
      const known = new RegExp(`(?<![\\w./-])${target}(?![\\w.-])`, 'g');
      result = result.replaceAll(known, source);
    }
    return result.replaceAll('0.0.0.0', '127.0.0.1');
  };
  const own = (text: string) => ports.has(`${name}:${text}`);
  return { translate, port, word: (text) => (own(text) ? String(port(text)) : translate(text)) };
}

function sourceOf(source: string, folder: string): string {
  return source.startsWith('./') ? join(folder, 'binds', source) : join(folder, 'volumes', source);
}

/** Makes the volumes that services name, and copies what they mount from the project. */
export function makeVolumes(
  services: readonly Service[],
  { folder, context }: { folder: string; context: string },
): void {
  const sources = services.flatMap(({ mounts }) => mounts.map(({ source }) => source));
  for (const source of new Set(sources)) {
    const here = sourceOf(source, folder);
    if (source.startsWith('./')) cpSync(join(context, source), here, { recursive: true });
    else makeFolder(here, imageUser);
  }
}

/** Makes a folder for a user, when there is a choice. */
export function makeFolder(path: string, owner: { uid: number; gid: number }): void {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  if (isRoot) chownSync(path, owner.uid, owner.gid);
}

/** The identity to start a process with: another user's only where root may give it. */
export function identity(owner: { uid: number; gid: number }): { uid?: number; gid?: number } {
  return isRoot ? owner : {};
}

async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      return server;
    }),
  );
  return Promise.all(
    servers.map(async (server) => {
      const address = server.address();
      await new Promise((resolve) => server.close(resolve));
      return typeof address === 'object' && address ? address.port : 0;
    }),
  );
}
