import { refuse } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';

/** Tokens that are verified at once; others are sent away. */
const verifyingMax = 1_024;
/** Of one tenant: its issuers may hang as long as they like, and the others do not wait for them. */
const verifyingOfTenantMax = 256;
const retryMs = 50;

/** What is being verified: each thing once, whoever waits for it, and so many of one tenant. */
export interface Verifying<T> {
  /** The work on it that is under way; undefined: there is none. */
  of(id: string): Promise<T> | undefined;
  /** Begins the work. Throws OVERLOADED. */
  begin(id: string, tenant: string, work: () => Promise<T>): Promise<T>;
}

/** Creates a memory of what is being verified. */
export function createVerifying<T>(): Verifying<T> {
  const works = new Map<string, Promise<T>>();
  const ofTenant = new Map<string, number>();
  const ended = (id: string, tenant: string) => {
    works.delete(id);
    const left = (ofTenant.get(tenant) ?? 1) - 1;
    if (left > 0) ofTenant.set(tenant, left);
    else ofTenant.delete(tenant);
  };
  return {
    of: (id) => works.get(id),
    begin(id, tenant, work) {
      const own = ofTenant.get(tenant) ?? 0;
      if (works.size >= verifyingMax || own >= verifyingOfTenantMax) throw tooMany();
      ofTenant.set(tenant, own + 1);
      const working = work().finally(() => ended(id, tenant));
      works.set(id, working);
      return working;
    },
  };
}

/** There is no room to verify another one now. */
export function tooMany() {
  return refuse(Reason.OVERLOADED, 'too many tokens are being verified; call again', {
    retryDelayMs: retryMs,
  });
}
