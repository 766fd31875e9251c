import type { JsonObject } from '@bufbuild/protobuf';
import type { Caller } from '@weir/kit';
import { createSubject, kindName, type Subject } from '@weir/policy';
import type { Principal } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import type { Snapshot } from './snapshot/snapshot.ts';

/** Of one set of attributes, which is shared by those who have none. */
const SUBJECTS_MAX = 10_000;
const made = new WeakMap<JsonObject, Map<string, Subject>>();

/**
 * The subject that a caller is. Attributes are the same object from call to call, for as long as
 * neither the principal nor the token changes: so subjects are made once.
 */
export function subjectOf(snapshot: Snapshot, caller: Caller): Subject {
  const { tenant, principal } = caller;
  const known = snapshot.tenants.get(tenant)?.principals.get(principal);
  const last = lastOf.get(caller);
  if (last && last.known === known) return last.subject;
  const subject = subjectFor(caller, kindName(known?.kind));
  lastOf.set(caller, { known, subject });
  return subject;
}

/** Callers are often the same object from call to call too. */
const lastOf = new WeakMap<
  Caller,
  { readonly known: Principal | undefined; readonly subject: Subject }
>();

function subjectFor(
  { tenant, principal, consumer, attributes }: Caller,
  kind: ReturnType<typeof kindName>,
): Subject {
  return keep(attributes, [tenant, principal, consumer, kind].join('\0'), () =>
    createSubject({ tenant, principal, kind, consumer, attributes }),
  );
}

/**
 * The subject as the policies of another tenant see it, whose provider it uses: the group
 * "tenant:<name>" and the principal "<tenant>/<name>". Roles and attributes mean nothing there.
 */
export function foreignSubjectOf({ tenant, principal, attributes }: Caller): Subject {
  return keep(attributes, ['foreign', tenant, principal].join('\0'), () =>
    createSubject({
      ...{ tenant, principal: `${tenant}/${principal}`, kind: '', consumer: '' },
      attributes: { groups: [`tenant:${tenant}`] },
    }),
  );
}

function keep(attributes: JsonObject, name: string, make: () => Subject): Subject {
  const subjects = made.get(attributes) ?? new Map<string, Subject>();
  const known = subjects.get(name);
  if (known) return known;
  if (subjects.size >= SUBJECTS_MAX) subjects.clear();
  const subject = make();
  made.set(attributes, subjects.set(name, subject));
  return subject;
}
