import type { Policy } from '@weir/sdk/gen/weir/policy/v1/policy_pb';
import type { PolicySummary } from '@weir/sdk/gen/weir/policy/v1/service_pb';
import type {
  ApiKey,
  CertificateIdentity,
  Consumer,
  ContextType,
  Issuer,
  Principal,
  Provider,
  Tenant,
} from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import type { ToolGroup } from '@weir/sdk/gen/weir/registry/v1/tool_group_pb';
import type {
  Grant,
  SnapshotDelta,
  SnapshotEndpoint,
  SnapshotEntry,
} from '@weir/sdk/gen/weir/registry/v1/watch_pb';

/** A key with what proves it. */
export interface StoredKey {
  readonly key: ApiKey;
  /** SHA-256 of the secret part. */
  readonly secretHash: Uint8Array;
}

/** Which part of an ordered set is wanted. */
export interface Page {
  readonly size: number;
  /** The place of the last thing of the page before. Absent: begin at the beginning. */
  readonly after?: readonly string[];
}

/** A part of an ordered set. */
export interface Paged<T> {
  readonly items: readonly T[];
  /** Where the next page begins after. Absent: there is none. */
  readonly after?: readonly string[];
}

/** What to find in a catalogue; all fields given must match. */
export interface Filter {
  /** Each must stand in name, title, description or tags, in any case. */
  readonly words?: readonly string[];
  readonly tag?: string;
  readonly type?: string;
  readonly category?: string;
}

/** A provider version. */
export interface ProviderKey {
  readonly tenant: string;
  readonly name: string;
  readonly version: string;
}

/** The state that a revision stands for. */
export interface Position {
  readonly epoch: string;
  readonly revision: bigint;
  /** The digest of all entries at the revision. */
  readonly digest: bigint;
}

/** All that routers hold, at one revision, in an order that never dangles. */
export interface Snapshot extends Position {
  readonly entries: readonly SnapshotEntry[];
}

/** What can be read, in a transaction or out of one. Providers come without endpoints. */
export interface Reader {
  position(): Promise<Position>;

  tenant(name: string): Promise<Tenant | undefined>;
  /** By name. */
  tenants(page: Page): Promise<Paged<Tenant>>;

  type(tenant: string, name: string, version: string): Promise<ContextType | undefined>;
  /** All versions of a type, newest first. */
  typeVersions(tenant: string, name: string): Promise<readonly ContextType[]>;
  /** Built-in types and the tenant's, by name, newest version first; without their schemas. */
  types(tenant: string, filter: Filter, page: Page): Promise<Paged<ContextType>>;

  provider(key: ProviderKey): Promise<Provider | undefined>;
  /** All versions of a provider, newest first. */
  providerVersions(tenant: string, name: string): Promise<readonly Provider[]>;
  /** By name, newest version first. */
  providers(tenant: string, filter: Filter, page: Page): Promise<Paged<Provider>>;
  /** Provider versions that offer a version of a type, at most `limit`. */
  providersOffering(
    tenant: string,
    offer: { type: string; version: string },
    limit: number,
  ): Promise<readonly Provider[]>;

  endpoint(tenant: string, id: string): Promise<SnapshotEndpoint | undefined>;
  /** Of all versions of the providers. */
  endpointsOf(tenant: string, ...providers: string[]): Promise<readonly SnapshotEndpoint[]>;
  staticEndpoints(): Promise<readonly SnapshotEndpoint[]>;
  /** Leased endpoints whose lease ran out before the time given; locked in a transaction. */
  endpointsExpiredBefore(timeMs: number): Promise<readonly SnapshotEndpoint[]>;

  grants(tenant: string, provider: string): Promise<readonly Grant[]>;

  /** The version in force, or the one given, as long as it is kept. */
  policy(tenant: string, name: string, version?: number): Promise<Policy | undefined>;
  /** All of a tenant's in force, by name; there are never more than can be held. */
  policiesInForce(tenant: string): Promise<readonly Policy[]>;
  /** Those in force, by name. */
  policies(tenant: string, page: Page): Promise<Paged<PolicySummary>>;
  /** The versions that are kept, newest first; the first one is in force. */
  policyVersions(tenant: string, name: string): Promise<readonly PolicySummary[]>;

  consumer(tenant: string, name: string): Promise<Consumer | undefined>;
  /** By name. */
  consumers(tenant: string, filter: Filter, page: Page): Promise<Paged<Consumer>>;

  principal(tenant: string, name: string): Promise<Principal | undefined>;
  /** By name. */
  principals(tenant: string, page: Page): Promise<Paged<Principal>>;

  issuer(tenant: string, name: string): Promise<Issuer | undefined>;
  /** By name. */
  issuers(tenant: string, page: Page): Promise<Paged<Issuer>>;
  /** The issuer, of whichever tenant, that a pair of issuer URL and audience belongs to. */
  issuerOf(url: string, audience: string): Promise<Issuer | undefined>;

  certificate(tenant: string, name: string): Promise<CertificateIdentity | undefined>;
  /** By name. */
  certificates(
    tenant: string,
    filter: { principal?: string; consumer?: string },
    page: Page,
  ): Promise<Paged<CertificateIdentity>>;
  /** The certificate, of whichever tenant, that a SPIFFE ID or subject belongs to. */
  certificateOf(match: CertificateIdentity['match']): Promise<CertificateIdentity | undefined>;

  key(tenant: string, id: string): Promise<StoredKey | undefined>;
  /** Oldest first. */
  keys(
    tenant: string,
    filter: { principal?: string; consumer?: string; group?: string; unrevoked?: boolean },
    page: Page,
  ): Promise<Paged<StoredKey>>;

  toolGroup(tenant: string, name: string): Promise<ToolGroup | undefined>;
  /** By name. */
  toolGroups(tenant: string, page: Page): Promise<Paged<ToolGroup>>;
}

/** What can be written. Every write becomes part of the transaction's one revision. */
export interface Transaction extends Reader {
  putTenant(tenant: Tenant): Promise<void>;
  putType(type: ContextType): Promise<void>;
  deleteType(tenant: string, name: string, version: string): Promise<void>;
  /** Its endpoints are not part of it: see putEndpoint. */
  putProvider(provider: Provider): Promise<void>;
  /** Removes a version with its endpoints, and the grants with the last version. */
  deleteProvider(key: ProviderKey): Promise<void>;
  /** `leaseExpireMs` absent: a lease stays as it is. */
  putEndpoint(endpoint: SnapshotEndpoint, leaseExpireMs?: number): Promise<void>;
  deleteEndpoint(tenant: string, id: string): Promise<void>;
  /** Renews a lease, which is no change that routers have to know of. */
  renewLease(tenant: string, id: string, expireMs: number): Promise<void>;
  putGrant(grant: Grant): Promise<void>;
  deleteGrant(grant: Grant): Promise<void>;
  /** Puts the newest version of a policy into force, and forgets the oldest beyond those kept. */
  putPolicy(policy: Policy): Promise<void>;
  /** Takes a policy out of force and removes all its versions. */
  deletePolicy(tenant: string, name: string): Promise<void>;
  putConsumer(consumer: Consumer): Promise<void>;
  deleteConsumer(tenant: string, name: string): Promise<void>;
  /** Disabling a principal takes its keys from the routers; enabling it gives them back. */
  putPrincipal(principal: Principal): Promise<void>;
  /** Removes a principal with its keys and certificates. */
  deletePrincipal(tenant: string, name: string): Promise<void>;
  /** No other issuer may have one of its audiences with the same URL: see issuerOf. */
  putIssuer(issuer: Issuer): Promise<void>;
  deleteIssuer(tenant: string, name: string): Promise<void>;
  /** No other certificate may have the same match: see certificateOf. */
  putCertificate(certificate: CertificateIdentity): Promise<void>;
  deleteCertificate(tenant: string, name: string): Promise<void>;
  /** The principal must exist. Revoked keys are taken from the routers. */
  putKey(key: StoredKey): Promise<void>;
  putToolGroup(group: ToolGroup): Promise<void>;
  deleteToolGroup(tenant: string, name: string): Promise<void>;
}

/** What a transaction came to. */
export interface Written<T> {
  readonly value: T;
  readonly epoch: string;
  /** The revision at which all that it wrote is in force. */
  readonly revision: bigint;
}

/** The registry's memory. Writers are in line: one transaction runs at a time. */
export interface Store extends Reader, AsyncDisposable {
  /** Runs `fn` whole or not at all, and numbers what it wrote with one new revision. */
  transact<T>(fn: (transaction: Transaction) => Promise<T>): Promise<Written<T>>;
  snapshot(): Promise<Snapshot>;
  /** The deltas after a revision, oldest first, at most `limit`; undefined when some are gone. */
  changesAfter(revision: bigint, limit: number): Promise<readonly SnapshotDelta[] | undefined>;
  /** Forgets deltas before the time given, and all but the newest `kept`. */
  pruneChanges(kept: number, beforeMs: number): Promise<void>;
  /** Calls `wake` soon after something changed; it only wakes, and may be missed. */
  onChange(wake: () => void): Promise<AsyncDisposable>;
  /** Renews leases of a tenant; changes no revision. Says which are known, and which down. */
  renewLeases(tenant: string, ids: readonly string[], expireMs: number): Promise<RenewedLease[]>;
  /** Gives every lease that is not run out for its endpoint a new end; changes no revision. */
  renewAllLeases(expireMs: number): Promise<void>;
  /** Takes or keeps a duty that one of several registries does; false: another has it. */
  holdDuty(name: string, holder: string, nowMs: number, expireMs: number): Promise<boolean>;
  releaseDuties(holder: string): Promise<void>;
  /** Runs one statement that only reads. */
  query(sql: string, params: readonly unknown[]): Promise<readonly Record<string, unknown>[]>;
}

/** A lease renewed. */
export interface RenewedLease {
  readonly id: string;
  /** Whether the endpoint is held to be down, and so has to be put up. */
  readonly down: boolean;
}
