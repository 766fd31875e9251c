import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { PolicyManifestSchema } from '@weir/sdk/gen/weir/policy/v1/policy_pb';
import {
  ConsumerManifestSchema,
  ContextTypeManifestSchema,
  ProviderManifestSchema,
} from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { policyFaults } from '../policy/policy-faults.ts';
import { consumerFaults } from './consumer-manifest.ts';
import { providerFaults } from './provider-manifest.ts';
import type { ManifestKind } from './read-manifest.ts';
import { typeFaults } from './type-manifest.ts';

/** Manifests of providers. */
export const providerKind: ManifestKind<typeof ProviderManifestSchema> = {
  desc: ProviderManifestSchema,
  kind: 'Provider',
  faults: providerFaults,
};

/** Manifests of consumers. */
export const consumerKind: ManifestKind<typeof ConsumerManifestSchema> = {
  desc: ConsumerManifestSchema,
  kind: 'Consumer',
  faults: consumerFaults,
};

/** Manifests of context types; their schemas are judged apart. */
export const typeKind: ManifestKind<typeof ContextTypeManifestSchema> = {
  desc: ContextTypeManifestSchema,
  kind: 'ContextType',
  faults: typeFaults,
};

/** Policies: large ones have thousands of rules. */
export const policyKind: ManifestKind<typeof PolicyManifestSchema> = {
  desc: PolicyManifestSchema,
  kind: 'Policy',
  reason: Reason.INVALID_POLICY,
  limits: {
    maxBytes: 512 * 1024,
    valuesMax: 100_000,
  },
  effort: 3,
  faults: policyFaults,
};
