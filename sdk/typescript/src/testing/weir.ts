import { createRouterTransport } from '@connectrpc/connect';
import { createWeir, type Weir } from '../consumer/weir.ts';
import { EventService } from '../gen/weir/events/v1/events_pb.ts';
import { RouterService } from '../gen/weir/router/v1/router_pb.ts';
import { ToolService } from '../gen/weir/tools/v1/tools_pb.ts';
import type { Caller } from '../provider/context.ts';
import type { ProviderDefinition } from '../provider/definition.ts';
import { createTestEventLog } from './event-log.ts';
import type { TestProviderOptions } from './provider.ts';
import { openProviderClient } from './provider.ts';
import { testPublish } from './publish.ts';
import { offersOf } from './route.ts';
import { createTestRouter } from './router.ts';
import { testSubscribe } from './subscribe.ts';
import { testCallTool } from './tools.ts';

/** What a test Weir is made of. */
export interface TestWeirOptions extends TestProviderOptions {
  /** The providers that answer. */
  readonly providers: readonly ProviderDefinition[];
  /** Whom the providers are told of. Default: tenant `test`, no principal, no attributes. */
  readonly caller?: Partial<Caller> | undefined;
  /** The time of a call, in milliseconds. Default: 10,000. */
  readonly timeoutMs?: number | undefined;
}

/**
 * Opens a client that is answered in memory by these providers. All passes through the real
 * encoding. There is no cache, no policy and no registry: `weir.registry` and `weir.admin` answer
 * UNIMPLEMENTED. Version ranges may be whole or partial versions, with `^` or `~`. The last 10,000
 * events that were published can be subscribed to; there are no groups of workers, and nobody who is
 * slow is cut off.
 */
export function openTestWeir({ providers, caller, timeoutMs, onFault }: TestWeirOptions): Weir {
  const clients = new Map(
    providers.map((provider) => [provider, openProviderClient(provider, onFault)] as const),
  );
  const routing = {
    offers: offersOf(providers),
    caller: { tenant: 'test', principal: '', attributes: {}, ...caller },
    clientOf: (provider: ProviderDefinition) =>
      clients.get(provider) ?? openProviderClient(provider, onFault),
  };
  const log = createTestEventLog();
  const events = { publish: testPublish(log), subscribe: testSubscribe(log, routing) };
  const tools = { callTool: testCallTool(routing, providers) };
  const transport = createRouterTransport((router) =>
    router
      .service(RouterService, createTestRouter(routing))
      .service(EventService, events)
      .service(ToolService, tools),
  );
  return createWeir({ url: 'http://in-memory', key: 'in-memory', transport, timeoutMs });
}
