import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { MethodImpl } from '@connectrpc/connect';
import { refuse } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import type { RegistryService } from '@weir/sdk/gen/weir/registry/v1/registry_pb';
import { ConsumerSchema } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { registrarOf } from '../access.ts';
import { checkFor } from '../checks/checks.ts';
import { type Core, tokenOf } from '../core.ts';
import { etagOf } from '../etag.ts';
import { consumerKind } from '../manifest/kinds.ts';

/** Registers a consumer; the same content again changes nothing. */
export function registerConsumer(
  core: Core,
): MethodImpl<typeof RegistryService.method.registerConsumer> {
  return async (request, context) => {
    const { tenant } = registrarOf(context);
    const { manifest, hash } = await core.checks.read(
      consumerKind,
      request.source,
      checkFor(context),
    );
    const etag = etagOf(hash);

    const written = await core.store.transact(async (tx) => {
      const held = await tx.consumer(tenant, manifest.name);
      if (held?.etag === etag) return held;
      if (held) throw otherContent(manifest.name);
      const now = timestampFromMs(core.clock.wallMs());
      const times = { createTime: now, updateTime: now };
      const consumer = create(ConsumerSchema, { tenant, manifest, etag, ...times });
      await tx.putConsumer(consumer);
      return consumer;
    });

    return { consumer: written.value, consistencyToken: tokenOf(core, written) };
  };
}

function otherContent(name: string) {
  return refuse(
    Reason.ALREADY_EXISTS,
    `consumer ${name} is registered with other content; change it with UpdateConsumer and its etag, or choose another name`,
  );
}
