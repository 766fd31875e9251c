import { Reason, type Weir, WeirCallError } from '@weir/sdk';
import type { Found } from './record.ts';
import { type Held, stateOfProvider, WRITTEN_TYPE } from './registry-objects.ts';

/** What is looked for: an object, with the states that writes wanted it to have. */
export interface Sought {
  readonly object: string;
  readonly kind: Held['kind'];
  readonly name: string;
  readonly states: readonly string[];
  /** Of a key that was shown. */
  readonly secret: string;
}

const PAGE_SIZE = 500;
const BATCH_MAX = 200;

type State = Pick<Found, 'state' | 'torn'>;

/** What the registry has of them. */
export async function findInRegistry(weir: Weir, sought: readonly Sought[]): Promise<Found[]> {
  const states = await allStates(weir);
  return sought.map(({ object, kind, name }) => ({
    object,
    by: 'registry',
    ...(states.get(`${kind}/${name}`) ?? { state: null }),
  }));
}

async function allStates({ registry, admin }: Weir): Promise<Map<string, State>> {
  const states = new Map<string, State>();
  const page = { pageSize: PAGE_SIZE };
  for await (const { consumers } of paged((at) => registry.listConsumers({ ...page, ...at }))) {
    for (const { manifest } of consumers) {
      const { name = '', description = '', tags = [], owner = '' } = manifest ?? {};
      const torn = tags[0] === description && owner === description ? undefined : tags.join();
      states.set(`consumer/${name}`, {
        state: description,
        ...(torn === undefined ? {} : { torn }),
      });
    }
  }
  for await (const { providers } of paged((at) => registry.listProviders({ ...page, ...at }))) {
    for (const provider of providers) {
      states.set(`provider/${provider.manifest?.name}`, stateOfProvider(provider));
    }
  }
  for await (const { types } of paged((at) => registry.listTypes({ ...page, ...at }))) {
    for (const { manifest } of types) {
      states.set(`type/${manifest?.name}`, { state: manifest?.description ?? '' });
    }
  }
  for await (const { keys } of paged((at) => admin.listKeys({ ...page, ...at }))) {
    for (const { id, title, revokeTime } of keys) {
      states.set(`key/${id}`, { state: revokeTime ? null : title });
    }
  }
  return states;
}

async function* paged<T extends { nextPageToken: string }>(
  get: (at: { pageToken: string }) => Promise<T>,
): AsyncIterable<T> {
  let pageToken = '';
  do {
    const page = await get({ pageToken });
    yield page;
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
}

/** What a router makes of them: how it routes to providers, which types and keys it knows. */
export async function findInRouter(
  by: string,
  connect: (key?: string) => Weir,
  sought: readonly Sought[],
): Promise<Found[]> {
  const probes = sought.flatMap((one) => probesOf(one).map((probe) => ({ one, ...probe })));
  const states = new Map<string, string | null>();
  for (let at = 0; at < probes.length; at += BATCH_MAX) {
    const batch = probes.slice(at, at + BATCH_MAX);
    const { results } = await connect().router.fetchContext({ refs: batch.map(({ ref }) => ref) });
    for (const [i, { one, state, there }] of batch.entries()) {
      const outcome = results[i]?.outcome;
      const reason = outcome?.case === 'refusal' ? outcome.value.reason : Reason.UNSPECIFIED;
      if (reason === there) states.set(one.object, state);
      else if (!states.has(one.object)) states.set(one.object, null);
    }
  }
  for (const { object, kind, secret, states: wanted } of sought) {
    if (kind !== 'key' || secret === '') continue;
    states.set(object, (await isTaken(connect(secret))) ? (wanted.at(-1) ?? null) : null);
  }
  return [...states].map(([object, state]) => ({ object, by, state }));
}

/** For each state a ref that is refused with `there` when the router has that state. */
function probesOf({ kind, name, states }: Sought) {
  switch (kind) {
    case 'provider':
      return states.map((state) => ({
        ref: { type: WRITTEN_TYPE, key: `${state}/x`, provider: name },
        state,
        there: Reason.PROVIDER_UNAVAILABLE,
      }));
    case 'type':
      return states.map((state) => ({
        ref: { type: name, key: 'x' },
        state,
        there: Reason.PROVIDER_UNKNOWN,
      }));
    default:
      return [];
  }
}

async function isTaken(weir: Weir): Promise<boolean> {
  try {
    await weir.router.listContext({ pageSize: 1 });
    return true;
  } catch (error) {
    if (error instanceof WeirCallError && error.reason === Reason.CREDENTIAL_INVALID) return false;
    throw error;
  }
}
