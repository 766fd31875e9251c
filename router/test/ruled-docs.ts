import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import type { Caller } from '@weir/kit';
import { Sensitivity } from '@weir/sdk/gen/weir/context/v1/context_pb';
import {
  Action,
  Effect,
  type PolicyManifestSchema,
  type RuleSchema,
} from '@weir/sdk/gen/weir/policy/v1/policy_pb';
import type { ProviderManifestSchema } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { ExplainRequestSchema, RouterService } from '@weir/sdk/gen/weir/router/v1/router_pb';
import { explain } from '../src/rpc/explain.ts';
import { createTestClock, openAnswering } from './answering.ts';
import { testContext } from './context.ts';
import { testCaller } from './entries.ts';
import { content, openProviderServer, type ProviderBehaviour } from './provider-server.ts';

/** Policies of the tenant acme. */
export type Policies = readonly MessageInitShape<typeof PolicyManifestSchema>[];
/** A rule, as far as a test says it. */
export type Rule = MessageInitShape<typeof RuleSchema>;

/** A rule that lets everybody read and find everything, or less. */
export const allowing = (more: Rule = {}): Rule => ({
  name: 'allowed',
  effect: Effect.ALLOW,
  actions: [Action.FETCH, Action.LIST],
  ...more,
});
/** One that denies it. */
export const denying = (more: Rule): Rule => ({
  ...allowing(more),
  name: 'denied',
  effect: Effect.DENY,
});
/** One policy of these rules. */
export const policyOf = (...rules: Rule[]): Policies => [{ name: 'p', rules }];
/** All but what is restricted. */
export const notRestricted = policyOf(
  allowing(),
  denying({ condition: 'resource.sensitivity >= RESTRICTED' }),
);

/** What a provider answers. */
export type Fetch = ProviderBehaviour['fetch'];

/** Providers "a", "b", ... of one type; those before are asked first. */
export async function openDocs(
  policies: Policies,
  fetches: readonly Fetch[],
  more: MessageInitShape<typeof ProviderManifestSchema> = {},
) {
  const clock = createTestClock();
  const stack = new AsyncDisposableStack();
  const providers = [];
  for (const [index, fetch] of fetches.entries()) {
    const server = stack.use(await openProviderServer({ fetch }));
    const contexts = [{ type: 'DocChunk', version: '1.0.0', ttl: durationFromMs(60_000) }];
    const name = 'abc'[index] ?? '';
    providers.push({ manifest: { name, version: '1.0.0', contexts, ...more }, urls: [server.url] });
  }
  const weir = stack.use(openAnswering(providers, { clock, policies }));
  const explained = async (key: string, caller: Caller = testCaller()) => {
    const request = create(ExplainRequestSchema, { fetch: { refs: [{ type: 'DocChunk', key }] } });
    const context = testContext(RouterService.method.explain, { caller });
    const response = await explain({ ...weir, observe: () => {} })(request, context);
    const [explanation] = response.explanations;
    if (!explanation) throw new Error('nothing was explained');
    return explanation;
  };
  return { ...weir, clock, explained, [Symbol.asyncDispose]: () => stack[Symbol.asyncDispose]() };
}

/** A restricted item. */
export const restricted = content({ secret: 1 }, { sensitivity: Sensitivity.RESTRICTED });
/** None. */
export const missing = { case: 'notFound' as const, value: {} };
