import type { Weir } from '@weir/sdk';
import { type Provider, Scope } from '@weir/sdk/gen/weir/registry/v1/resources_pb';

/** A type that is published before, and that the writers' providers offer. */
export const WRITTEN_TYPE = 'Written';

/** The kinds of things that writers write. */
export const objectKinds = ['consumer', 'provider', 'type', 'key'] as const;
export type ObjectKind = (typeof objectKinds)[number];

/** What an acknowledged write leaves behind. */
export interface Held {
  readonly kind: ObjectKind;
  readonly name: string;
  /** Which state it is in, such as `s17`. */
  readonly state: string;
  /** To be given back with a change. */
  readonly etag: string;
  /** The secret of a key. */
  readonly secret: string;
}

/** How one write is made. */
export interface WriteCall {
  readonly weir: Weir;
  readonly tenant: string;
  readonly timeoutMs: number;
}

/** Writes a new state of an object; without `held` it is new. Throws WeirCallError. */
export async function put(
  { weir, tenant, timeoutMs }: WriteCall,
  { kind, name, state }: Pick<Held, 'kind' | 'name' | 'state'>,
  held?: Held,
): Promise<{ held: Held; token: string }> {
  const { registry, admin } = weir;
  const call = { timeoutMs };
  const done = (consistencyToken: string, more: { etag?: string; secret?: string } = {}) => ({
    held: { kind, name, state, etag: '', secret: '', ...more },
    token: consistencyToken,
  });
  switch (kind) {
    case 'consumer': {
      const value = { name, description: state, tags: [state], owner: state };
      const source = { case: 'manifest', value } as const;
      const answer = held
        ? await registry.updateConsumer({ source, etag: held.etag }, call)
        : await registry.registerConsumer({ source }, call);
      return done(answer.consistencyToken, { etag: answer.consumer?.etag ?? '' });
    }
    case 'provider': {
      const source = { case: 'manifest', value: manifestOf(name, state) } as const;
      const answer = held
        ? await registry.updateProvider({ source, etag: held.etag }, call)
        : await registry.registerProvider({ source }, call);
      return done(answer.consistencyToken, { etag: answer.provider?.etag ?? '' });
    }
    case 'type': {
      const value = { name, version: '1.0.0', description: state, tags: [state] };
      const manifest = { ...value, schema: { type: 'object', title: state } };
      const source = { case: 'manifest', value: manifest } as const;
      return done((await registry.publishType({ source }, call)).consistencyToken);
    }
    case 'key': {
      const request = { tenant, principal: 'admin', title: state, scopes: [Scope.READ] };
      const { key, secret, consistencyToken } = await admin.createKey(request, call);
      return {
        ...done(consistencyToken, { secret }),
        held: { kind, name: key?.id ?? '', state, etag: '', secret },
      };
    }
    default:
      return kind satisfies never;
  }
}

/** Removes an object. Throws WeirCallError. */
export async function remove(
  { weir, tenant, timeoutMs }: WriteCall,
  { kind, name }: Pick<Held, 'kind' | 'name'>,
): Promise<{ token: string }> {
  const { registry, admin } = weir;
  const call = { timeoutMs };
  const removing = {
    consumer: () => registry.deregisterConsumer({ name }, call),
    provider: () => registry.deregisterProvider({ name }, call),
    type: () => registry.deregisterType({ name, version: '1.0.0' }, call),
    key: () => admin.revokeKey({ tenant, id: name }, call),
  };
  return { token: (await removing[kind]()).consistencyToken };
}

/** Nobody listens there: the writers' providers are never reached, only found. */
const addresses = ['http://127.0.0.1:9', 'http://127.0.0.1:10'];

/** A provider of which every part says its state, in several tables of the registry. */
function manifestOf(name: string, state: string) {
  const weight = weightOf(state);
  const offer = { type: WRITTEN_TYPE, version: '1.0.0', keyPrefix: `${state}/` };
  return {
    name,
    version: '1.0.0',
    description: state,
    tags: [state],
    contexts: [offer],
    endpoints: addresses.map((url) => ({ url, weight })),
  };
}

function weightOf(state: string): number {
  return 1 + (Number(state.slice(1)) % 1_000);
}

/** The state of a provider, and what of it belongs to another. */
export function stateOfProvider({ manifest, endpoints }: Provider): {
  state: string;
  torn?: string;
} {
  const state = manifest?.description ?? '';
  const told = [manifest?.tags[0], manifest?.contexts[0]?.keyPrefix.slice(0, -1)];
  const weights = endpoints.map(({ weight }) => weight);
  const whole =
    told.every((each) => each === state) &&
    weights.length === addresses.length &&
    weights.every((weight) => weight === weightOf(state));
  if (whole) return { state };
  return { state, torn: `${[state, ...told].join(' ')}, weights ${weights.join(' ')}` };
}
