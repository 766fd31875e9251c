import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dumpEmbeddedDatabase } from '@weir/registry/testing';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  interface ProvidedContext {
    /** The file with a dump of a migrated, empty embedded database. */
    pgliteDump: string;
  }
}

/** Makes the embedded database once, for all tests to start from. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'weir-dump-'));
  const path = join(folder, 'pglite.dump');
  const dump = await dumpEmbeddedDatabase();
  await writeFile(path, Buffer.from(await dump.arrayBuffer()));
  project.provide('pgliteDump', path);
  return () => rm(folder, { recursive: true, force: true });
}
