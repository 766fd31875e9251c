import { create } from '@bufbuild/protobuf';
import { largePolicies } from '@weir/policy/large-rules';
import {
  Action,
  Effect,
  type PolicyManifest,
  PolicyManifestSchema,
} from '@weir/sdk/gen/weir/policy/v1/policy_pb';
import type { Scenario } from '../model.ts';
import { itemType } from '../values.ts';

/** The role of all who call. */
export const role = 'bench';
/** What calls are for: the rule of the large set that drops fields is about all other purposes. */
export const purpose = 'support';

/** All policies of the tenant: the large set, and those that let the bench do its work. */
export function policiesOf({ rules, masked }: Pick<Scenario, 'rules' | 'masked'>) {
  const large = largePolicies(rules).flatMap(({ manifest }) => manifest ?? []);
  return [administrators(), ...large, callers(masked)];
}

/** In the place of the policy that a tenant begins with, which would allow everybody to read. */
function administrators(): PolicyManifest {
  return create(PolicyManifestSchema, {
    name: 'starter',
    rules: [
      {
        name: 'administrators',
        effect: Effect.ALLOW,
        subjects: { roles: ['admin'] },
        actions: [Action.ANY],
      },
    ],
  });
}

function callers(masked: boolean): PolicyManifest {
  const fetching = {
    subjects: { roles: [role] },
    actions: [Action.FETCH],
    resources: { types: [itemType] },
  };
  const mask = { case: 'mask' as const, value: { fields: { pointers: ['/secret'] } } };
  const masking = { name: 'mask-the-secret', effect: Effect.OBLIGE, obligations: [{ kind: mask }] };
  return create(PolicyManifestSchema, {
    name: 'bench',
    rules: [
      { name: 'callers', effect: Effect.ALLOW, ...fetching },
      ...(masked ? [{ ...masking, ...fetching }] : []),
    ],
  });
}
