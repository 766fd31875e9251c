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
import { checkFor } from '../checks/checks.ts';
import { type Core, tokenOf } from '../core.ts';
import { typeKind } from '../manifest/kinds.ts';
import type { ReadManifest } from '../manifest/read-manifest.ts';
import type { Reader, Transaction } from '../store/store.ts';
import { newestOlder } from '../type-rules.ts';

/** How often it is begun anew because another version was published meanwhile. */
const ATTEMPTS_MAX = 5;
const RETRY_MS = 500;

type Read = ReadManifest<ContextTypeManifest>;

/** Publishes a version of a context type; the same content again changes nothing. */
export function publishType(core: Core): MethodImpl<typeof RegistryService.method.publishType> {
  return async (request, context) => {
    const { tenant } = registrarOf(context);
    const who = checkFor(context);
    const read = await core.checks.read(typeKind, request.source, who);

    // What is proved takes long, and nobody else can write during a transaction: so it is proved
    // before, and holds if the version that it was proved against is still the one that counts.
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
      const { held, older } = await standing(core.store, tenant, read);
      if (!held && older?.manifest) {
        await core.checks.requireKept(request.source, older.manifest, who);
      }
      const written = await core.store.transact(async (tx) => {
        const now = await standing(tx, tenant, read);
        if (now.held) return now.held;
        if (now.older?.manifestHash !== older?.manifestHash) return undefined;
        return await addType(core, tx, tenant, read);
      });
      if (written.value) return { type: written.value, consistencyToken: tokenOf(core, written) };
    }
    throw crowded(read.manifest);
  };
}

/** The version itself, if it is there, and the one it has to keep its promises to. */
async function standing(
  reader: Reader,
  tenant: string,
  { manifest, hash }: Read,
): Promise<{ held: ContextType | undefined; older: ContextType | undefined }> {
  const { name, version } = manifest;
  if (await isBuiltIn(reader, name)) throw builtIn(name);
  const versions = await reader.typeVersions(tenant, name);
  const held = versions.find((one) => one.manifest?.version === version);
  if (held && held.manifestHash !== hash) throw otherContent(manifest);
  return { held, older: newestOlder(versions, version) };
}

async function addType(core: Core, tx: Transaction, tenant: string, { manifest, hash }: Read) {
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

function crowded({ name }: ContextTypeManifest) {
  const text = `versions of type ${name} are being published faster than they can be compared; try again`;
  return refuse(Reason.OVERLOADED, text, { retryDelayMs: RETRY_MS });
}
