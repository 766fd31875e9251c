/** What all keys of events begin with: a name, and the version of what lies under it. */
export const KEY_PREFIX = 'weir:events:1:';

/** The keys of a tenant, as scripts take them. */
export interface TenantKeys {
  /** The log, its events, what is known of publications and when those were made. */
  readonly log: readonly [string, string, string, string];
  /** Groups, and when they were written. */
  readonly groups: readonly [string, string];
}

/** Names the keys of tenants; no name of one can end where another's begins. */
export function createKeys(prefix: string) {
  return {
    /** The tenants that have a log. */
    tenants: `${prefix}tenants`,
    /** Who holds the duty of forgetting what is old. */
    keeper: `${prefix}keeper`,
    /** Where it is told that something was committed. */
    channel: `${prefix}committed`,
    of(tenant: string): TenantKeys {
      const own = `${prefix}${encodeURIComponent(tenant)}:`;
      return {
        log: [`${own}log`, `${own}events`, `${own}publications`, `${own}publication-times`],
        groups: [`${own}groups`, `${own}group-times`],
      };
    },
  };
}

/** The keys of a log in Redis. */
export type Keys = ReturnType<typeof createKeys>;
