import { create } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import type { MethodImpl } from '@connectrpc/connect';
import { parseName, parseVersion, refuse } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import type { RegistryService } from '@weir/sdk/gen/weir/registry/v1/registry_pb';
import {
  EndpointHealth,
  EndpointKind,
  type EndpointSpec,
  EndpointSpecSchema,
} from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { registrarOf } from '../access.ts';
import { requireCallableUrl } from '../addresses.ts';
import { type Core, tokenOf } from '../core.ts';
import { isRegisteredSo, newEndpoint, registeredAgain, withHealth } from '../endpoints.ts';
import { pathText } from '../manifest/fault.ts';
import { endpointFaults } from '../manifest/provider-manifest.ts';
import { notFound } from '../refusals.ts';
import type { ProviderKey, Transaction } from '../store/store.ts';

const LEASED_MAX = 1000; // endpoints of one provider

/** Registers the address of a running process under a lease, or renews it. */
export function registerEndpoint(
  core: Core,
): MethodImpl<typeof RegistryService.method.registerEndpoint> {
  return async (request, context) => {
    const { tenant, principal: registrar } = registrarOf(context);
    const name = parseName('provider', request.provider);
    const version = parseVersion('version', request.version);
    const spec = parseSpec(request.endpoint);
    requireCallableUrl(core.outbound, 'endpoint.url', new URL(spec.url));
    const key = { tenant, name, version };

    const written = await core.store.transact(async (tx) => {
      if (!(await tx.provider(key))) throw notFound(`provider ${name} of version`, version);
      return await leaseEndpoint(core, tx, key, { spec, registrar });
    });

    return {
      ...(written.value ? { endpoint: written.value } : {}),
      lease: durationFromMs(core.leaseMs),
      consistencyToken: tokenOf(core, written),
      epoch: written.epoch,
    };
  };
}

async function leaseEndpoint(
  core: Core,
  tx: Transaction,
  key: ProviderKey,
  { spec, registrar }: { readonly spec: EndpointSpec; readonly registrar: string },
) {
  const nowMs = core.clock.wallMs();
  const leaseExpireMs = nowMs + core.leaseMs;
  const leased = (await tx.endpointsOf(key.tenant, key.name)).filter(
    (one) => one.endpoint?.kind === EndpointKind.LEASED,
  );
  const held = leased.find((one) => one.version === key.version && one.endpoint?.url === spec.url);
  if (!held && leased.length >= LEASED_MAX) {
    throw refuse(
      Reason.MALFORMED_REQUEST,
      `provider ${key.name} has ${LEASED_MAX} endpoints already; deregister some`,
    );
  }
  const state = { kind: EndpointKind.LEASED, health: EndpointHealth.UP, registrar };
  if (!held) {
    const added = newEndpoint(core, key, spec, state);
    await tx.putEndpoint(added, leaseExpireMs);
    return added.endpoint;
  }
  const again = registeredAgain(held, spec, registrar);
  const up = again.endpoint?.health === EndpointHealth.UP;
  const wanted = up ? again : withHealth(again, EndpointHealth.UP, nowMs);
  const same = up && isRegisteredSo(held, again);
  if (same && held.endpoint) await tx.renewLease(key.tenant, held.endpoint.id, leaseExpireMs);
  else await tx.putEndpoint(wanted, leaseExpireMs);
  return wanted.endpoint;
}

function parseSpec(given: EndpointSpec | undefined): EndpointSpec {
  const spec = given ?? create(EndpointSpecSchema);
  const violations = endpointFaults(spec).map((fault) => ({
    field: `endpoint.${pathText(fault.path)}`,
    description: fault.text,
  }));
  const [first] = violations;
  if (!first) return spec;
  throw refuse(Reason.MALFORMED_REQUEST, `${first.field}: ${first.description}`, { violations });
}
