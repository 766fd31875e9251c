import type { ConnectRouter } from '@connectrpc/connect';
import { AdminService } from '@weir/sdk/gen/weir/registry/v1/admin_pb';
import { RegistryService } from '@weir/sdk/gen/weir/registry/v1/registry_pb';
import { WatchService } from '@weir/sdk/gen/weir/registry/v1/watch_pb';
import type { Core } from './core.ts';
import type { Feed } from './feed.ts';
import { createKey } from './rpc/create-key.ts';
import { createPrincipal } from './rpc/create-principal.ts';
import { createTenant } from './rpc/create-tenant.ts';
import { deletePrincipal } from './rpc/delete-principal.ts';
import { deregisterConsumer } from './rpc/deregister-consumer.ts';
import { deregisterEndpoint } from './rpc/deregister-endpoint.ts';
import { deregisterProvider } from './rpc/deregister-provider.ts';
import { deregisterType } from './rpc/deregister-type.ts';
import { getConsumer } from './rpc/get-consumer.ts';
import { getProvider } from './rpc/get-provider.ts';
import { getType } from './rpc/get-type.ts';
import { heartbeat } from './rpc/heartbeat.ts';
import { listConsumers } from './rpc/list-consumers.ts';
import { listKeys } from './rpc/list-keys.ts';
import { listPrincipals } from './rpc/list-principals.ts';
import { listProviders } from './rpc/list-providers.ts';
import { listTenants } from './rpc/list-tenants.ts';
import { listTypes } from './rpc/list-types.ts';
import { publishType } from './rpc/publish-type.ts';
import { registerConsumer } from './rpc/register-consumer.ts';
import { registerEndpoint } from './rpc/register-endpoint.ts';
import { registerProvider } from './rpc/register-provider.ts';
import { revokeKey } from './rpc/revoke-key.ts';
import { updateConsumer } from './rpc/update-consumer.ts';
import { updatePrincipal } from './rpc/update-principal.ts';
import { updateProvider } from './rpc/update-provider.ts';
import { watchSnapshot } from './rpc/watch-snapshot.ts';
import { whoAmI } from './rpc/who-am-i.ts';

/** The services of the registry. */
export const services = [RegistryService, AdminService, WatchService] as const;

/** Wires every RPC to its file. */
export function createRoutes(core: Core, feed: Feed): (router: ConnectRouter) => void {
  return (router) => {
    router.service(RegistryService, {
      registerProvider: registerProvider(core),
      getProvider: getProvider(core),
      listProviders: listProviders(core),
      updateProvider: updateProvider(core),
      deregisterProvider: deregisterProvider(core),
      registerEndpoint: registerEndpoint(core),
      heartbeat: heartbeat(core),
      deregisterEndpoint: deregisterEndpoint(core),
      registerConsumer: registerConsumer(core),
      getConsumer: getConsumer(core),
      listConsumers: listConsumers(core),
      updateConsumer: updateConsumer(core),
      deregisterConsumer: deregisterConsumer(core),
      publishType: publishType(core),
      getType: getType(core),
      listTypes: listTypes(core),
      deregisterType: deregisterType(core),
    });
    router.service(AdminService, {
      createTenant: createTenant(core),
      listTenants: listTenants(core),
      createPrincipal: createPrincipal(core),
      listPrincipals: listPrincipals(core),
      updatePrincipal: updatePrincipal(core),
      deletePrincipal: deletePrincipal(core),
      createKey: createKey(core),
      listKeys: listKeys(core),
      revokeKey: revokeKey(core),
      whoAmI: whoAmI(),
    });
    router.service(WatchService, { watchSnapshot: watchSnapshot(feed) });
  };
}
