import { toBinary } from '@bufbuild/protobuf';
import { type FieldViolation, WeirError } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { type PolicyManifest, PolicyManifestSchema } from '@weir/sdk/gen/weir/policy/v1/policy_pb';
import type { PolicySource } from '@weir/sdk/gen/weir/policy/v1/service_pb';
import type { CheckFor, Checks } from '../checks/checks.ts';
import { policyKind } from '../manifest/kinds.ts';
import { type ReadManifest, refuseViolations } from '../manifest/read-manifest.ts';
import { malformed } from '../refusals.ts';

const SOURCES_MAX = 100;
const SOURCES_MAX_BYTES = 512 * 1024;

type Read = ReadManifest<PolicyManifest>;

/** Reads the policy of a request. Throws INVALID_POLICY naming all faults. */
export function readPolicy(
  checks: Checks,
  policy: PolicySource | undefined,
  who: CheckFor,
): Promise<Read> {
  return checks.read(policyKind, policy?.source ?? { case: undefined }, who);
}

/**
 * Reads several policies of a request. Throws INVALID_POLICY naming the faults of all, each with the
 * policy that it is in, such as "policies[1] 12:5 rules[0].effect".
 */
export async function readPolicies(
  checks: Checks,
  sources: readonly PolicySource[],
  who: CheckFor,
): Promise<readonly Read[]> {
  requireFew(sources);
  const policies: Read[] = [];
  const violations: FieldViolation[] = [];
  for (const [i, source] of sources.entries()) {
    try {
      policies.push(await readPolicy(checks, source, who));
    } catch (error) {
      if (!(error instanceof WeirError) || error.reason !== Reason.INVALID_POLICY) throw error;
      violations.push(
        ...error.violations.map(({ field, description }) => ({
          field: `policies[${i}] ${field}`,
          description,
        })),
      );
    }
  }
  if (violations.length > 0) throw refuseViolations(Reason.INVALID_POLICY, violations);
  requireOneOfEach(policies);
  return policies;
}

function requireFew(sources: readonly PolicySource[]): void {
  if (sources.length > SOURCES_MAX) {
    throw malformed('policies', `more than ${SOURCES_MAX}; send fewer at a time`);
  }
  const bytes = sources.reduce((sum, source) => sum + bytesOf(source), 0);
  if (bytes > SOURCES_MAX_BYTES) {
    throw malformed(
      'policies',
      `larger than ${SOURCES_MAX_BYTES / 1024} KiB together; send fewer at a time`,
    );
  }
}

function bytesOf({ source }: PolicySource): number {
  switch (source.case) {
    case 'document':
      return Buffer.byteLength(source.value);
    case 'manifest':
      return toBinary(PolicyManifestSchema, source.value).length;
    default:
      return 0;
  }
}

function requireOneOfEach(policies: readonly Read[]): void {
  const names = policies.map(({ manifest }) => manifest.name);
  const twice = names.findIndex((name, i) => names.indexOf(name) < i);
  if (twice < 0) return;
  throw malformed(
    `policies[${twice}]`,
    `there is a policy ${names[twice]} before it; name one of them otherwise`,
  );
}
