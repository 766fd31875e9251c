import type { JsonObject } from '@bufbuild/protobuf';
import { createSubject, kindName, type Subject } from '@weir/policy';
import type { Reader } from '../store/store.ts';

/** Who called, as a caller or a record tells. */
export interface SubjectFacts {
  readonly tenant: string;
  readonly principal: string;
  /** Empty: none. */
  readonly consumer: string;
  readonly attributes: JsonObject;
}

/** The subject that policies see; what it is, the registry knows. */
export async function subjectOf(
  reader: Reader,
  { tenant, principal, consumer, attributes }: SubjectFacts,
): Promise<Subject> {
  const known = await reader.principal(tenant, principal);
  const kind = kindName(known?.kind);
  return createSubject({ tenant, principal, kind, consumer, attributes });
}
