import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { MethodImpl } from '@connectrpc/connect';
import { refuse } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import type { RegistryService } from '@weir/sdk/gen/weir/registry/v1/registry_pb';
import {
  type ContextType,
  type ContextTypeManifest,
  ContextTypeSchema,
} from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { registrarOf } from '../access.ts';
import { isBuiltIn } from '../builtin-types.ts';
import { type Core, tokenOf } from '../core.ts';
import { typeKind } from '../manifest/kinds.ts';
import { type ReadManifest, readManifest } from '../manifest/read-manifest.ts';
import type { Transaction } from '../store/store.ts';
import { invalidSchemaFaults, newestOlder, promiseFaults } from '../type-rules.ts';

/** Publishes a version of a context type; the same content again changes nothing. */
export function publishType(core: Core): MethodImpl<typeof RegistryService.method.publishType> {
  return async (request, context) => {
    const { tenant } = registrarOf(context);
    const read = readManifest(typeKind, request.source);
    const faults = invalidSchemaFaults(read.manifest);
    if (faults.length > 0) throw read.refuse(faults, Reason.INVALID_SCHEMA);

    const written = await core.store.transact(async (tx) => {
      const { name, version } = read.manifest;
      if (await isBuiltIn(tx, name)) throw builtIn(name);
      const held = await tx.type(tenant, name, version);
      if (held && held.manifestHash !== read.hash) throw otherContent(read.manifest);
      return held ?? (await addType(core, tx, tenant, read));
    });

    return { type: written.value, consistencyToken: tokenOf(core, written) };
  };
}

async function addType(
  core: Core,
  tx: Transaction,
  tenant: string,
  read: ReadManifest<ContextTypeManifest>,
): Promise<ContextType> {
  const { manifest, hash } = read;
  const older = newestOlder(await tx.typeVersions(tenant, manifest.name), manifest.version);
  const breaks = older?.manifest ? promiseFaults(older.manifest, manifest) : [];
  if (breaks.length > 0) throw read.refuse(breaks, Reason.INCOMPATIBLE);
  const createTime = timestampFromMs(core.clock.wallMs());
  const type = create(ContextTypeSchema, { tenant, manifest, manifestHash: hash, createTime });
  await tx.putType(type);
  return type;
}

function builtIn(name: string) {
  return refuse(Reason.BUILT_IN, `the type ${name} is built in; choose another name`);
}

function otherContent({ name, version }: ContextTypeManifest) {
  return refuse(
    Reason.ALREADY_EXISTS,
    `type ${name} ${version} is published with other content; publish this under a new version`,
  );
}
