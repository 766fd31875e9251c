import { ruleFaults } from '@weir/policy';
import type { PolicyManifest } from '@weir/sdk/gen/weir/policy/v1/policy_pb';
import { createChecker, LINE_CHARS_MAX, PROSE_CHARS_MAX } from '../manifest/check.ts';
import type { Fault } from '../manifest/fault.ts';

/** All that is wrong with what a policy says. */
export function policyFaults(manifest: PolicyManifest): Fault[] {
  const check = createChecker();
  check.line(['title'], manifest.title, LINE_CHARS_MAX);
  check.prose(['description'], manifest.description, PROSE_CHARS_MAX);
  manifest.rules.forEach(({ description }, i) => {
    check.prose(['rules', i, 'description'], description, PROSE_CHARS_MAX);
  });
  return [...check.faults, ...ruleFaults(manifest)];
}
