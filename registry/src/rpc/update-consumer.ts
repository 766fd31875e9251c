import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { MethodImpl } from '@connectrpc/connect';
import type { RegistryService } from '@weir/sdk/gen/weir/registry/v1/registry_pb';
import { registrarOf } from '../access.ts';
import { checkFor } from '../checks/checks.ts';
import { type Core, tokenOf } from '../core.ts';
import { etagOf } from '../etag.ts';
import { parseEtag } from '../fields.ts';
import { consumerKind } from '../manifest/kinds.ts';
import { etagStale, notFound } from '../refusals.ts';

/** Changes a consumer. */
export function updateConsumer(
  core: Core,
): MethodImpl<typeof RegistryService.method.updateConsumer> {
  return async (request, context) => {
    const { tenant } = registrarOf(context);
    const { manifest, hash } = await core.checks.read(
      consumerKind,
      request.source,
      checkFor(context),
    );
    const etag = parseEtag('etag', request.etag);

    const written = await core.store.transact(async (tx) => {
      const held = await tx.consumer(tenant, manifest.name);
      if (!held) throw notFound('consumer', manifest.name);
      if (held.etag !== etag) throw etagStale(`consumer ${manifest.name}`);
      if (held.etag === etagOf(hash)) return held;
      const updateTime = timestampFromMs(core.clock.wallMs());
      const consumer = { ...held, manifest, etag: etagOf(hash), updateTime };
      await tx.putConsumer(consumer);
      return consumer;
    });

    return { consumer: written.value, consistencyToken: tokenOf(core, written) };
  };
}
