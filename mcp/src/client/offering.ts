import { createHash } from 'node:crypto';
import type { JsonObject } from '@bufbuild/protobuf';
import { WeirCallError } from '@weir/sdk';
import {
  Code,
  defineProvider,
  type ProviderDefinition,
  type RunningProvider,
  serveProvider,
} from '@weir/sdk/provider';
import { type Definition, definitionsOf, type OperationDeps, operationOf } from './definitions.ts';
import { plain } from './errors.ts';
import { providerCategory, providerVersion, type Registrar } from './registrar.ts';
import type { Resources } from './resources.ts';
import { type HeldDefinition, hold, review } from './review.ts';
import type { Catalogue, Session } from './session.ts';
import type { UpstreamState } from './state-file.ts';
import { isForUsers, type UpstreamConfig } from './upstream-config.ts';

/** What an upstream offers through Weir. */
export interface Offering extends AsyncDisposable {
  /** Offers what the upstream has, as far as it passes the review. Throws what Weir refuses. */
  offer(config: UpstreamConfig, session: Session, catalogue: Catalogue): Promise<void>;
}

/** What offering needs. */
export interface OfferingDeps {
  readonly registrar: Registrar;
  readonly resources: Resources;
  readonly operations: OperationDeps;
  readonly state: () => UpstreamState;
  /** Resolves when it is written. */
  remember(change: Pick<UpstreamState, 'pins' | 'offered' | 'held'>): Promise<void>;
  onFault(text: string, error: unknown): void;
}

const descriptionMaxChars = 4_000;
const titleMaxChars = 200;
const drainMs = 2_000;
const providerTimeoutMaxMs = 60_000;

/** Offers nothing yet. */
export function createOffering(deps: OfferingDeps): Offering {
  let running: RunningProvider | undefined;
  let offeredHash = '';

  async function register(provider: ProviderDefinition): Promise<void> {
    if (running) return await running.update(provider);
    await deps.registrar.requireOwn(provider.name);
    running = await serveProvider(provider, {
      ...deps.registrar.at,
      replace: true,
      drainMs,
      onEvent: ({ kind, text, error }) => {
        if (error !== undefined) deps.onFault(`${kind}: ${text}`, error);
      },
    });
  }

  async function withdraw(): Promise<void> {
    const before = running;
    running = undefined;
    offeredHash = '';
    await before?.close();
  }

  /** Registers what passes; what the registry finds faulty does not, and the rest is tried again. */
  async function settle(
    config: UpstreamConfig,
    { definitions, make }: { definitions: readonly Definition[]; make: Make },
  ): Promise<void> {
    const { pins } = deps.state();
    const owners = await deps.registrar.owners(config.name);
    const judged = review(definitions, { pins, approved: config.approved, owners });
    let { offered } = judged;
    let held: readonly HeldDefinition[] = judged.held;
    for (;;) {
      // A definition is pinned before anybody is offered it: a change would be taken for a new one.
      await deps.remember({ pins: judged.pins, offered: offered.length, held });
      const provider = make(offered);
      if (!provider) {
        await withdraw();
        break;
      }
      try {
        const hash = hashOf(provider, offered);
        if (hash !== offeredHash || !running) await register(provider);
        offeredHash = hash;
        break;
      } catch (error) {
        const faults = faultyOperations(error);
        if (faults.size === 0) throw error;
        held = [
          ...held,
          ...offered.flatMap((each, i) => (faults.has(i) ? [hold(each, faults.get(i) ?? '')] : [])),
        ];
        offered = offered.filter((_, i) => !faults.has(i));
      }
    }
  }

  return {
    offer(config, session, catalogue) {
      const make: Make = (offered) => providerOf(deps, { config, session, catalogue, offered });
      const definitions = definitionsOf(catalogue);
      // One after the other, so that of two upstreams with one name the second sees the first.
      return deps.registrar.alone(() => settle(config, { definitions, make }));
    },
    [Symbol.asyncDispose]: withdraw,
  };
}

type Make = (offered: readonly Definition[]) => ProviderDefinition | undefined;

interface Offered {
  readonly config: UpstreamConfig;
  readonly session: Session;
  readonly catalogue: Catalogue;
  readonly offered: readonly Definition[];
}

function providerOf(
  { resources, operations }: OfferingDeps,
  { config, session, catalogue, offered }: Offered,
): ProviderDefinition | undefined {
  const contexts = catalogue.hasResources ? [resources.contextOf(catalogue.templates)] : [];
  if (contexts.length + offered.length === 0) return undefined;
  const { client } = session;
  const { title, name = config.name } = client.getServerVersion() ?? {};
  return defineProvider({
    name: config.name,
    version: providerVersion,
    title: plain(title ?? name).slice(0, titleMaxChars),
    description: plain(client.getInstructions() ?? '').slice(0, descriptionMaxChars),
    category: providerCategory,
    tags: ['mcp'],
    wantsPrincipal: isForUsers(config),
    timeoutMs: Math.min(config.timeoutMs, providerTimeoutMaxMs),
    contexts,
    operations: offered.map((definition) => operationOf(definition, operations)),
    topics: [{ topic: 'resource.updated', title: 'A resource that was read has changed' }],
  });
}

function hashOf(
  { title, description, contexts }: ProviderDefinition,
  offered: readonly Definition[],
) {
  const hashes = offered.map(({ name, hash }) => [name, hash]);
  const templates = contexts.map(({ keyTemplates }) => keyTemplates as unknown as JsonObject[]);
  const parts = JSON.stringify([title, description, hashes, templates]);
  return createHash('sha256').update(parts).digest('hex');
}

/** What the registry finds wrong with single operations: reasons by their places. */
function faultyOperations(error: unknown): Map<number, string> {
  if (!(error instanceof WeirCallError) || error.code !== Code.InvalidArgument) return new Map();
  return new Map(
    error.violations.flatMap(({ field, description }): [number, string][] => {
      const [, place] = /operations\[(\d+)\]/.exec(field) ?? [];
      return place === undefined ? [] : [[Number(place), `is faulty: ${field}: ${description}`]];
    }),
  );
}
