import { create } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import {
  type ContextOffer,
  ContextOfferSchema,
  type ContextTypeManifest,
  ContextTypeManifestSchema,
  type ProviderManifest,
  ProviderManifestSchema,
} from '../gen/weir/registry/v1/resources_pb.ts';
import { sensitivityToWire } from '../sensitivity.ts';
import { scopeToWire } from './cache-scope.ts';
import { cleanerToWire, schemaChecks } from './cleaner.ts';
import type { ContextDefinition, KeyTemplateSpec } from './context.ts';
import { providerFaults } from './faults.ts';
import { type OperationDefinition, operationOffer } from './operation.ts';
import { type TopicSpec, topicOffer } from './topic.ts';
import type { Watched, WatchQuery } from './watch.ts';

/** How much one router may ask of a provider at once. */
export interface ProviderLimits {
  /** Calls under way, 1 to 1,000. What is beyond waits for a moment, then is refused. Default: 64. */
  readonly concurrentCalls?: number | undefined;
  /** Calls begun in a second, 1 to 100,000. Default: any number. */
  readonly callsPerSecond?: number | undefined;
  /** Bytes of all values of one answer, 4,096 to 1 GiB; what is beyond is refused. Default: 64 MiB. */
  readonly responseBytes?: number | undefined;
}

/** What a provider declares of itself. */
export interface ProviderSpec {
  /** The name, unique in the tenant: 1 to 63 of a-z, 0-9 and "-", beginning with a letter. */
  readonly name: string;
  /** The version, semver. Several versions of a provider can be live at once. */
  readonly version: string;
  /** What people call it. */
  readonly title?: string | undefined;
  /** What it is, in a few sentences. */
  readonly description?: string | undefined;
  /** Words to find it by. */
  readonly tags?: readonly string[] | undefined;
  /** What kind of source it is, such as `documents` or `database`. */
  readonly category?: string | undefined;
  /** Who answers for it. */
  readonly owner?: string | undefined;
  /** This version's share among the live ones, 0 (only when pinned) to 1000. Default: 100. */
  readonly weight?: number | undefined;
  /** Which of several providers of a type is asked first: the higher. Default: 0. */
  readonly priority?: number | undefined;
  /** The time that one call of a router may take, in milliseconds, up to 60,000. Default: 5,000. */
  readonly timeoutMs?: number | undefined;
  /** How much one router may ask at once. Default: 64 calls, 64 MiB in one answer. */
  readonly limits?: ProviderLimits | undefined;
  /**
   * When a call has brought nothing for so many milliseconds, it is made once more, to another
   * endpoint, and the first answer counts; 10 to 60,000. Set it only when asking twice does no
   * harm. Default: never.
   */
  readonly hedgeAfterMs?: number | undefined;
  /** Whether the provider is told who the principal is. Default: no. */
  readonly wantsPrincipal?: boolean | undefined;
  /** The attributes of the principal that the provider is told. Default: none. */
  readonly principalAttributes?: readonly string[] | undefined;
  /** Where routers find the token that `serveProvider` requires, such as `secret://docs-token`. */
  readonly bearer?: string | undefined;
  /** How many queries of one batch run at once. Default: 64. */
  readonly concurrency?: number | undefined;
  /** What it offers; at least one, or an operation. */
  readonly contexts?: readonly ContextDefinition[] | undefined;
  /** What it can do besides give context; at most 1,000. Default: nothing. */
  readonly operations?: readonly OperationDefinition[] | undefined;
  /** The topics that it publishes on, for who wants to subscribe; at most 64. Default: none are told. */
  readonly topics?: readonly TopicSpec[] | undefined;
  /**
   * Tells what happens at the source, from a cursor on, until the signal is aborted. One router at a
   * time calls it, and publishes what it yields as the principal that registered this process;
   * nothing more is asked for before that is committed. It is called again, with the last cursor that
   * was committed, when it ends or the router does. Throw `new ProviderError(Code.OutOfRange, …)` when
   * what came after the cursor is not known any more: it is called again without one.
   *
   * ```ts
   * watch: async function* ({ cursor, signal }) {
   *   for await (const change of journal.after(cursor, signal)) {
   *     const refs = [`Page/${change.page}`];
   *     yield { events: [{ topic: 'page.updated', key: change.page, refs }], cursor: change.id };
   *   }
   * }
   * ```
   */
  readonly watch?: ((query: WatchQuery) => AsyncIterable<Watched>) | undefined;
}

/** A provider, ready to be served or tested. Made by `defineProvider`. */
export interface ProviderDefinition extends ProviderSpec {
  readonly contexts: readonly ContextDefinition[];
  readonly operations: readonly OperationDefinition[];
}

/**
 * Declares a provider.
 *
 * @throws {TypeError} when the declaration has faults; the message names each.
 */
export function defineProvider(spec: ProviderSpec): ProviderDefinition {
  const faults = providerFaults(spec);
  if (faults.length > 0) throw new TypeError(`provider ${spec.name}: ${faults.join('; ')}`);
  const { contexts = [], operations = [] } = spec;
  return Object.freeze({
    ...spec,
    contexts: Object.freeze([...contexts]),
    operations: Object.freeze([...operations]),
  });
}

/** The manifest that a provider is registered with. */
export function manifestOf(provider: ProviderDefinition): ProviderManifest {
  const { name, version, title, description, tags, category, owner } = provider;
  const {
    weight,
    priority,
    timeoutMs,
    limits,
    hedgeAfterMs,
    wantsPrincipal,
    principalAttributes,
    bearer,
  } = provider;
  return create(ProviderManifestSchema, {
    name,
    version,
    title: title ?? '',
    description: description ?? '',
    tags: [...(tags ?? [])],
    category: category ?? '',
    owner: owner ?? '',
    contexts: provider.contexts.map(offerOf),
    topics: (provider.topics ?? []).map(topicOffer),
    operations: provider.operations.map(operationOffer),
    watch: provider.watch !== undefined,
    priority: priority ?? 0,
    wantsPrincipal: wantsPrincipal ?? false,
    principalAttributes: [...(principalAttributes ?? [])],
    ...(weight !== undefined && { weight }),
    ...(timeoutMs !== undefined && { timeout: durationFromMs(timeoutMs) }),
    ...(limits !== undefined && { limits: limitsOf(limits) }),
    ...(hedgeAfterMs !== undefined && { hedgeAfter: durationFromMs(hedgeAfterMs) }),
    ...(bearer !== undefined && { authentication: { bearer } }),
  });
}

function limitsOf({ concurrentCalls, callsPerSecond, responseBytes }: ProviderLimits) {
  return {
    ...(concurrentCalls !== undefined && { concurrentCalls }),
    ...(callsPerSecond !== undefined && { callsPerSecond }),
    ...(responseBytes !== undefined && { responseBytes: BigInt(responseBytes) }),
  };
}

/** The manifests of the types that a provider brings along with a schema of its own. */
export function typeManifestsOf(provider: ProviderDefinition): ContextTypeManifest[] {
  const data = (provider.topics ?? []).flatMap(({ data, title }) =>
    data ? [{ ...data, title }] : [],
  );
  return [...provider.contexts, ...data].flatMap(({ type, version, title, schema }) =>
    schema === undefined
      ? []
      : [
          create(ContextTypeManifestSchema, {
            name: type,
            version,
            title: title ?? '',
            schema,
          }),
        ],
  );
}

function templateOf({ template, name, title, description, contentType }: KeyTemplateSpec) {
  return {
    ...{ template, name, title: title ?? '' },
    ...{ description: description ?? '', contentType: contentType ?? '' },
  };
}

function offerOf(context: ContextDefinition): ContextOffer {
  const { type, version, keyPrefix, scope, sensitivity } = context;
  const { ttlMs, staleWhileRevalidateMs, negativeTtlMs } = context;
  const { schemaCheck, cleaners = [], completeFields = [] } = context;
  return create(ContextOfferSchema, {
    type,
    version,
    keyPrefix: keyPrefix ?? '',
    scope: scopeToWire(scope),
    sensitivity: sensitivityToWire(sensitivity),
    listable: context.list !== undefined,
    keyTemplates: (context.keyTemplates ?? []).map(templateOf),
    cleaners: cleaners.map(cleanerToWire),
    completeFields: [...completeFields],
    ...(schemaCheck !== undefined && { schemaCheck: schemaChecks[schemaCheck] }),
    ...(ttlMs !== undefined && { ttl: durationFromMs(ttlMs) }),
    ...(staleWhileRevalidateMs !== undefined && {
      staleWhileRevalidate: durationFromMs(staleWhileRevalidateMs),
    }),
    ...(negativeTtlMs !== undefined && { negativeTtl: durationFromMs(negativeTtlMs) }),
  });
}
