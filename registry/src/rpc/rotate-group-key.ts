import { type Duration, durationMs } from '@bufbuild/protobuf/wkt';
import type { MethodImpl } from '@connectrpc/connect';
import { parseName } from '@weir/kit';
import type { GroupService } from '@weir/sdk/gen/weir/registry/v1/tool_groups_pb';
import { administratorOf, requireOwnScopes } from '../access.ts';
import { type Core, tokenOf } from '../core.ts';
import { malformed, notFound } from '../refusals.ts';
import { endKeys, groupKeyScopes, keysOfGroup, mintGroupKey } from '../tool-groups/group-keys.ts';
import { ownPrincipal } from './create-group.ts';

const OVERLAP_MAX_MS = 30 * 86_400_000;

/** Makes a new key of a tool group; the others stop working after the overlap. */
export function rotateGroupKey(core: Core): MethodImpl<typeof GroupService.method.rotateGroupKey> {
  return async (request, context) => {
    const { caller, tenant } = administratorOf(context, request.tenant);
    requireOwnScopes(caller, groupKeyScopes);
    const name = parseName('name', request.name);
    const nowMs = core.clock.wallMs();
    const untilMs = nowMs + parseOverlap(request.overlap);

    const written = await core.store.transact(async (tx) => {
      if (!(await tx.toolGroup(tenant, name))) throw notFound('tool group', name);
      const held = await keysOfGroup(tx, tenant, name);
      const principal = held.at(-1)?.key.principal ?? ownPrincipal({ name });
      if (!(await tx.principal(tenant, principal))) throw notFound('principal', principal);
      await endKeys(tx, held, { nowMs, untilMs });
      const made = mintGroupKey(core, { tenant, group: name, principal });
      await tx.putKey(made.stored);
      return made;
    });

    const { secret, stored } = written.value;
    return { secret, key: stored.key, consistencyToken: tokenOf(core, written) };
  };
}

function parseOverlap(overlap: Duration | undefined): number {
  const ms = overlap ? durationMs(overlap) : 0;
  if (ms >= 0 && ms <= OVERLAP_MAX_MS) return ms;
  throw malformed('overlap', 'has to be at most 30 days');
}
