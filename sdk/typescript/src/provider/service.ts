import type { ServiceImpl } from '@connectrpc/connect';
import type { ProviderService } from '../gen/weir/provider/v1/provider_pb.ts';
import { answerFetch, type OnFault } from './answer.ts';
import type { ProviderDefinition } from './definition.ts';
import { answerList } from './list.ts';

/** What routers call of a provider. */
export function createProviderService(
  provider: ProviderDefinition,
  onFault: OnFault,
): ServiceImpl<typeof ProviderService> {
  return {
    describe: () => ({
      name: provider.name,
      version: provider.version,
      types: provider.contexts.map(({ type, version, list }) => ({
        type,
        version,
        listable: list !== undefined,
      })),
    }),
    fetch: (request, { signal }) => answerFetch(provider, request, { signal, onFault }),
    list: (request, { signal }) => answerList(provider, request, { signal, onFault }),
  };
}
