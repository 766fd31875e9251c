import { readdir, readFile } from 'node:fs/promises';
import { create, type JsonObject } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  type ContextTypeManifest,
  ContextTypeManifestSchema,
  ContextTypeSchema,
} from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { hashOf } from './manifest/canonical.ts';
import { typeFaults } from './manifest/type-manifest.ts';
import type { Reader, Store } from './store/store.ts';

/** The tenant of the built-in types: they belong to nobody. */
export const BUILT_IN_TENANT = '';

const VERSION = '1.0.0';
const FOLDER = new URL('../types/', import.meta.url);
const SUFFIX = '.schema.json';

/** Whether a name is that of a built-in type, which nobody can shadow. */
export async function isBuiltIn(reader: Reader, name: string): Promise<boolean> {
  return (await reader.typeVersions(BUILT_IN_TENANT, name)).length > 0;
}

/** Reads the built-in types from their schemas. */
export async function readBuiltInTypes(): Promise<ContextTypeManifest[]> {
  const files = (await readdir(FOLDER)).filter((file) => file.endsWith(SUFFIX)).sort();
  return await Promise.all(files.map(readBuiltInType));
}

/** Brings the built-in types of the database to the state of this release. */
export async function seedBuiltInTypes(
  store: Store,
  manifests: readonly ContextTypeManifest[],
  nowMs: number,
): Promise<void> {
  if (!(await anyChanged(store, manifests))) return;
  await store.transact(async (tx) => {
    for (const manifest of manifests) {
      const held = await tx.type(BUILT_IN_TENANT, manifest.name, manifest.version);
      const manifestHash = hashOf(ContextTypeManifestSchema, manifest);
      if (held?.manifestHash === manifestHash) continue;
      const createTime = timestampFromMs(nowMs);
      await tx.putType(
        create(ContextTypeSchema, { tenant: '', manifest, manifestHash, createTime }),
      );
    }
  });
}

async function anyChanged(
  reader: Reader,
  manifests: readonly ContextTypeManifest[],
): Promise<boolean> {
  for (const manifest of manifests) {
    const held = await reader.type(BUILT_IN_TENANT, manifest.name, manifest.version);
    if (held?.manifestHash !== hashOf(ContextTypeManifestSchema, manifest)) return true;
  }
  return false;
}

async function readBuiltInType(file: string): Promise<ContextTypeManifest> {
  const schema = JSON.parse(await readFile(new URL(file, FOLDER), 'utf8')) as JsonObject;
  const { title, description } = schema;
  const manifest = create(ContextTypeManifestSchema, {
    name: file.slice(0, -SUFFIX.length),
    version: VERSION,
    title: typeof title === 'string' ? title : '',
    description: typeof description === 'string' ? description : '',
    schema,
  });
  const [fault] = typeFaults(manifest);
  if (fault) throw new Error(`the built-in type ${file} is faulty: ${fault.text}`);
  return manifest;
}
