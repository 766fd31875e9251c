import { createHash } from 'node:crypto';
import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { type Caller, refuse, type WeirError } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import {
  type Policy,
  type PolicyManifest,
  PolicySchema,
} from '@weir/sdk/gen/weir/policy/v1/policy_pb';
import type { Core } from '../core.ts';
import { etagOf } from '../etag.ts';
import type { Transaction } from '../store/store.ts';
import { requireWayBack } from './way-back.ts';

/** A policy to put into force. */
export interface PolicySpec {
  readonly tenant: string;
  readonly manifest: PolicyManifest;
  /** The hash of the manifest. */
  readonly hash: string;
  /** The principal who puts it into force. */
  readonly author: string;
  /** Why. */
  readonly comment: string;
}

/** The version that comes after the one in force; the same content comes to the same version. */
export function nextVersion(
  core: Pick<Core, 'clock'>,
  held: Policy | undefined,
  spec: PolicySpec,
): Policy {
  if (held?.manifestHash === spec.hash) return held;
  const { hash, ...kept } = spec;
  const version = (held?.version ?? 0) + 1;
  return create(PolicySchema, {
    ...kept,
    version,
    manifestHash: hash,
    etag: etagOf(createHash('sha256').update(`${hash}@${version}`).digest('hex')),
    createTime: timestampFromMs(core.clock.wallMs()),
  });
}

/** All of a tenant's policies with one put in the place of that of its name, or taken away. */
export function policiesWith(
  inForce: readonly Policy[],
  name: string,
  put: Policy | undefined,
): readonly Policy[] {
  const others = inForce.filter(({ manifest }) => manifest?.name !== name);
  return put ? [...others, put] : others;
}

/** A version that was forgotten, or never was. */
export function versionNotKept(name: string, version: number): WeirError {
  return refuse(
    Reason.NOT_FOUND,
    `policy ${name} has no version ${version} any more, or never had; list its versions`,
  );
}

/** Puts the next version into force, unless nothing changes. Refuses what would lock the author out. */
export async function putNextVersion(
  core: Pick<Core, 'clock'>,
  tx: Transaction,
  { held, spec, caller }: { held: Policy | undefined; spec: PolicySpec; caller: Caller },
): Promise<Policy> {
  const policy = nextVersion(core, held, spec);
  if (policy === held) return held;
  const after = policiesWith(await tx.policiesInForce(spec.tenant), spec.manifest.name, policy);
  const nowMs = core.clock.wallMs();
  await requireWayBack(tx, { caller, after, nowMs }, Reason.INVALID_POLICY);
  await tx.putPolicy(policy);
  return policy;
}
