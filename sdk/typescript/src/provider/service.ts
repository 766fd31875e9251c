import type { ServiceImpl } from '@connectrpc/connect';
import type {
  CallRequest,
  FetchRequest,
  ProviderService,
} from '../gen/weir/provider/v1/provider_pb.ts';
import { answerFetch, type OnFault } from './answer.ts';
import { answerCall } from './call.ts';
import { answerComplete } from './complete.ts';
import type { ProviderDefinition } from './definition.ts';
import { answerList } from './list.ts';
import { answerWatch } from './watch.ts';

/** What routers call of a provider, as it is at the moment. Watches end when `stopping` is aborted. */
export function createProviderService(
  current: () => ProviderDefinition,
  onFault: OnFault,
  stopping: AbortSignal = new AbortController().signal,
): ServiceImpl<typeof ProviderService> {
  return {
    describe() {
      const { name, version, contexts } = current();
      const types = contexts.map((each) => ({
        type: each.type,
        version: each.version,
        listable: each.list !== undefined,
      }));
      return { name, version, types };
    },
    ...answersOf(current, onFault),
    list: (request, { signal }) => answerList(current(), request, { signal, onFault }),
    complete: (request, { signal }) => answerComplete(current(), request, { signal, onFault }),
    watch: (request, { signal }) => answerWatch(current(), request, { signal, stopping, onFault }),
  };
}

/** What is asked of a provider most. */
export function answersOf(current: () => ProviderDefinition, onFault: OnFault) {
  return {
    fetch: (request: FetchRequest, { signal }: { readonly signal: AbortSignal }) =>
      answerFetch(current(), request, { signal, onFault }),
    call: (request: CallRequest, { signal }: { readonly signal: AbortSignal }) =>
      answerCall(current(), request, { signal, onFault }),
  };
}
