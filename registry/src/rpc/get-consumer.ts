import type { MethodImpl } from '@connectrpc/connect';
import { parseName } from '@weir/kit';
import type { RegistryService } from '@weir/sdk/gen/weir/registry/v1/registry_pb';
import { readerOf } from '../access.ts';
import type { Core } from '../core.ts';
import { notFound } from '../refusals.ts';

/** Gets a consumer. */
export function getConsumer(core: Core): MethodImpl<typeof RegistryService.method.getConsumer> {
  return async ({ name }, context) => {
    const { tenant } = readerOf(context);
    parseName('name', name);
    const consumer = await core.store.consumer(tenant, name);
    if (!consumer) throw notFound('consumer', name);
    return { consumer };
  };
}
