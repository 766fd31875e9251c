import type { ConnectRouter } from '@connectrpc/connect';
import { AuditService } from '@weir/sdk/gen/weir/audit/v1/audit_pb';
import { JournalService } from '@weir/sdk/gen/weir/audit/v1/journal_pb';
import { EventLogService } from '@weir/sdk/gen/weir/events/v1/log_pb';
import { PolicyService } from '@weir/sdk/gen/weir/policy/v1/service_pb';
import { AdminService } from '@weir/sdk/gen/weir/registry/v1/admin_pb';
import { RegistryService } from '@weir/sdk/gen/weir/registry/v1/registry_pb';
import { GroupService } from '@weir/sdk/gen/weir/registry/v1/tool_groups_pb';
import { WatchService } from '@weir/sdk/gen/weir/registry/v1/watch_pb';
import { CallIntakeService, CallLogService } from '@weir/sdk/gen/weir/tools/v1/calls_pb';
import type { Audit } from './audit/audit.ts';
import { scanRecords } from './audit/scan.ts';
import type { CallStore } from './calls/call-store.ts';
import type { Core } from './core.ts';
import type { EventLog } from './events/event-log.ts';
import type { Feed } from './feed.ts';
import { addCalls } from './rpc/add-calls.ts';
import { anchorHead } from './rpc/anchor-head.ts';
import { appendEvents } from './rpc/append-events.ts';
import { appendInOrder } from './rpc/append-in-order.ts';
import { checkGroup } from './rpc/check-group.ts';
import { checkPolicies } from './rpc/check-policies.ts';
import { createGroup } from './rpc/create-group.ts';
import { createKey } from './rpc/create-key.ts';
import { createPrincipal } from './rpc/create-principal.ts';
import { createReport } from './rpc/create-report.ts';
import { createTenant } from './rpc/create-tenant.ts';
import { deleteCertificate } from './rpc/delete-certificate.ts';
import { deleteGroup } from './rpc/delete-group.ts';
import { deleteIssuer } from './rpc/delete-issuer.ts';
import { deletePolicy } from './rpc/delete-policy.ts';
import { deletePrincipal } from './rpc/delete-principal.ts';
import { deregisterConsumer } from './rpc/deregister-consumer.ts';
import { deregisterEndpoint } from './rpc/deregister-endpoint.ts';
import { deregisterProvider } from './rpc/deregister-provider.ts';
import { deregisterType } from './rpc/deregister-type.ts';
import { diffPolicies } from './rpc/diff-policies.ts';
import { eraseRecords } from './rpc/erase-records.ts';
import { exportChains } from './rpc/export-chains.ts';
import { exportRecords } from './rpc/export-records.ts';
import { followEvents } from './rpc/follow-events.ts';
import { getCallStatistics } from './rpc/get-call-statistics.ts';
import { getConsumer } from './rpc/get-consumer.ts';
import { getEventLog } from './rpc/get-event-log.ts';
import { getGroup } from './rpc/get-group.ts';
import { getPolicy } from './rpc/get-policy.ts';
import { getProvider } from './rpc/get-provider.ts';
import { getType } from './rpc/get-type.ts';
import { heartbeat } from './rpc/heartbeat.ts';
import { holdWatches } from './rpc/hold-watches.ts';
import { listCalls } from './rpc/list-calls.ts';
import { listCertificates } from './rpc/list-certificates.ts';
import { listConsumers } from './rpc/list-consumers.ts';
import { listGroups } from './rpc/list-groups.ts';
import { listIssuers } from './rpc/list-issuers.ts';
import { listKeys } from './rpc/list-keys.ts';
import { listPolicies } from './rpc/list-policies.ts';
import { listPolicyVersions } from './rpc/list-policy-versions.ts';
import { listPrincipals } from './rpc/list-principals.ts';
import { listProviders } from './rpc/list-providers.ts';
import { listTenants } from './rpc/list-tenants.ts';
import { listTypes } from './rpc/list-types.ts';
import { moveWatch } from './rpc/move-watch.ts';
import { openChain } from './rpc/open-chain.ts';
import { publishType } from './rpc/publish-type.ts';
import { putCertificate } from './rpc/put-certificate.ts';
import { putIssuer } from './rpc/put-issuer.ts';
import { putPolicy } from './rpc/put-policy.ts';
import { readGroup } from './rpc/read-group.ts';
import { registerConsumer } from './rpc/register-consumer.ts';
import { registerEndpoint } from './rpc/register-endpoint.ts';
import { registerProvider } from './rpc/register-provider.ts';
import { revokeKey } from './rpc/revoke-key.ts';
import { rollbackPolicy } from './rpc/rollback-policy.ts';
import { rotateGroupKey } from './rpc/rotate-group-key.ts';
import { searchRecords } from './rpc/search-records.ts';
import { shipEntries } from './rpc/ship-entries.ts';
import { updateConsumer } from './rpc/update-consumer.ts';
import { updateGroup } from './rpc/update-group.ts';
import { updatePrincipal } from './rpc/update-principal.ts';
import { updateProvider } from './rpc/update-provider.ts';
import { updateTenant } from './rpc/update-tenant.ts';
import { watchSnapshot } from './rpc/watch-snapshot.ts';
import { whoAmI } from './rpc/who-am-i.ts';
import { writeGroup } from './rpc/write-group.ts';

/** The services of the registry. */
export const services = [
  RegistryService,
  AdminService,
  GroupService,
  PolicyService,
  WatchService,
  AuditService,
  JournalService,
  EventLogService,
  CallLogService,
  CallIntakeService,
] as const;

/** Wires every RPC to its file. */
export function createRoutes(
  core: Core,
  feed: Feed,
  {
    audit,
    eventLog,
    calls,
  }: { readonly audit: Audit; readonly eventLog: EventLog; readonly calls: CallStore },
): (router: ConnectRouter) => void {
  return (router) => {
    router.service(RegistryService, {
      registerProvider: registerProvider(core),
      getProvider: getProvider(core, eventLog.store.watches),
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
      updateTenant: updateTenant(core),
      createPrincipal: createPrincipal(core),
      listPrincipals: listPrincipals(core),
      updatePrincipal: updatePrincipal(core),
      deletePrincipal: deletePrincipal(core),
      createKey: createKey(core),
      listKeys: listKeys(core),
      revokeKey: revokeKey(core),
      putIssuer: putIssuer(core),
      listIssuers: listIssuers(core),
      deleteIssuer: deleteIssuer(core),
      putCertificate: putCertificate(core),
      listCertificates: listCertificates(core),
      deleteCertificate: deleteCertificate(core),
      whoAmI: whoAmI(),
    });
    router.service(GroupService, {
      createGroup: createGroup(core),
      getGroup: getGroup(core),
      listGroups: listGroups(core),
      updateGroup: updateGroup(core),
      checkGroup: checkGroup(),
      rotateGroupKey: rotateGroupKey(core),
      deleteGroup: deleteGroup(core),
    });
    // TestPolicies fetches items, so routers serve it.
    router.service(PolicyService, {
      putPolicy: putPolicy(core),
      getPolicy: getPolicy(core),
      listPolicies: listPolicies(core),
      listPolicyVersions: listPolicyVersions(core),
      rollbackPolicy: rollbackPolicy(core),
      deletePolicy: deletePolicy(core),
      checkPolicies: checkPolicies(core),
      diffPolicies: diffPolicies(core, (of, signal) => scanRecords(audit.records, of, signal)),
    });
    router.service(AuditService, {
      searchRecords: searchRecords(core, audit),
      exportRecords: exportRecords(core, audit),
      createReport: createReport(core, audit),
      exportChains: exportChains(core, audit),
      eraseRecords: eraseRecords(core, audit),
    });
    router.service(JournalService, {
      openChain: openChain(audit),
      anchorHead: anchorHead(audit),
      shipEntries: shipEntries(audit),
    });
    router.service(EventLogService, {
      appendEvents: appendEvents(eventLog),
      appendInOrder: appendInOrder(eventLog),
      followEvents: followEvents(eventLog),
      getEventLog: getEventLog(eventLog),
      readGroup: readGroup(eventLog.store),
      writeGroup: writeGroup(eventLog.store, core.clock),
      holdWatches: holdWatches(eventLog.store.watches, core.clock),
      moveWatch: moveWatch(eventLog.store.watches, core.clock),
    });
    router.service(CallLogService, {
      listCalls: listCalls(core, calls),
      getCallStatistics: getCallStatistics(core, calls),
    });
    router.service(CallIntakeService, { addCalls: addCalls(calls) });
    router.service(WatchService, { watchSnapshot: watchSnapshot(feed) });
  };
}
