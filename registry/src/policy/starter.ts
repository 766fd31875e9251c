import { readFile } from 'node:fs/promises';
import type { Policy } from '@weir/sdk/gen/weir/policy/v1/policy_pb';
import type { Core } from '../core.ts';
import { policyKind } from '../manifest/kinds.ts';
import { readManifest } from '../manifest/read-manifest.ts';
import { nextVersion } from './policies.ts';

const FILE = new URL('./starter.yaml', import.meta.url);

/** The policy that a tenant begins with; nobody's but Weir's own. */
export async function starterPolicy(core: Pick<Core, 'clock'>, tenant: string): Promise<Policy> {
  const value = await readFile(FILE, 'utf8');
  const { manifest, hash } = readManifest(policyKind, { case: 'document', value });
  const spec = { tenant, manifest, hash, author: '', comment: 'the tenant began with it' };
  return nextVersion(core, undefined, spec);
}
