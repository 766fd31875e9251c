import type { ConnectRouter } from '@connectrpc/connect';
import { AdminService } from '@weir/sdk/gen/weir/registry/v1/admin_pb';
import { RegistryService } from '@weir/sdk/gen/weir/registry/v1/registry_pb';
import { RouterService } from '@weir/sdk/gen/weir/router/v1/router_pb';
import type { AnswerDeps } from './answer.ts';
import type { ListDeps } from './list/list.ts';
import { explain } from './rpc/explain.ts';
import { fetchContext } from './rpc/fetch-context.ts';
import { type ForwardDeps, forward } from './rpc/forward.ts';
import { listContext } from './rpc/list-context.ts';
import { streamContext } from './rpc/stream-context.ts';

/** The services that callers see. */
export const services = [RouterService, RegistryService, AdminService];

/** Wires the services to what answers them. */
export function routes(deps: AnswerDeps & ListDeps & ForwardDeps) {
  return (router: ConnectRouter): void => {
    router.service(RouterService, {
      fetchContext: fetchContext(deps),
      streamContext: streamContext(deps),
      listContext: listContext(deps),
      explain: explain(deps),
    });
    router.service(RegistryService, forward(RegistryService, deps));
    router.service(AdminService, forward(AdminService, deps));
  };
}
