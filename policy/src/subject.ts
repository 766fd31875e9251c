import { createHash } from 'node:crypto';
import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import { canonicalJson } from './canonical-json.ts';
import type { Subject } from './model.ts';

/** How far somebody can be trusted: 0 to this. */
export const clearanceMax = 4;

/** What is known of who asks. */
export interface SubjectSource {
  readonly tenant: string;
  readonly principal: string;
  /** "user", "agent", "service", or "". */
  readonly kind: string;
  /** Empty: none. */
  readonly consumer: string;
  /** As the registry or the token has them; `roles`, `groups`, `clearance`, `project`, `tier`. */
  readonly attributes: JsonObject;
}

/**
 * Makes the subject of a principal. An attribute of the wrong type counts as not stated: a text
 * where a list of roles belongs gives no role, a clearance beyond 0 to 4 none. Never throws.
 */
export function createSubject(source: SubjectSource): Subject {
  const { tenant, principal, kind, consumer, attributes } = source;
  return {
    tenant,
    principal,
    kind,
    consumer,
    roles: texts(attributes.roles),
    groups: texts(attributes.groups),
    clearance: clearanceOf(attributes.clearance),
    project: textOf(attributes.project),
    tier: textOf(attributes.tier),
    attributes,
    fingerprint: fingerprintOf({ tenant, principal, kind, consumer, attributes }),
  };
}

function texts(value: JsonValue | undefined): readonly string[] {
  if (!Array.isArray(value)) return [];
  return [...new Set(value.filter((one) => typeof one === 'string'))].sort();
}

function clearanceOf(value: JsonValue | undefined): number | undefined {
  if (typeof value !== 'number' || !Number.isInteger(value)) return undefined;
  return value >= 0 && value <= clearanceMax ? value : undefined;
}

function textOf(value: JsonValue | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function fingerprintOf(source: JsonObject): string {
  return createHash('sha256').update(canonicalJson(source)).digest('hex').slice(0, 32);
}
