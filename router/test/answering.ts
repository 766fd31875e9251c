import { create, type JsonObject, type MessageInitShape } from '@bufbuild/protobuf';
import {
  type Clock,
  createConsistencyTokens,
  createLogger,
  noSecrets,
  systemClock,
} from '@weir/kit';
import type { PolicyManifestSchema } from '@weir/sdk/gen/weir/policy/v1/policy_pb';
import {
  EndpointHealth,
  type ProviderManifestSchema,
} from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { FetchContextRequestSchema } from '@weir/sdk/gen/weir/router/v1/router_pb';
import { type Asked, answer } from '../src/answer.ts';
import type { BlobStore } from '../src/blobs/blob-store.ts';
import { forgetting } from '../src/events/forget.ts';
import { createInvalidations } from '../src/events/invalidations.ts';
import { itemOf } from '../src/gather/entry.ts';
import { createFlights } from '../src/gather/flights.ts';
import { createMemoryCache } from '../src/gather/memory-cache.ts';
import type { SharedCache } from '../src/gather/shared-cache.ts';
import { createHeldBytes } from '../src/held.ts';
import { openLimits } from '../src/limits/limits.ts';
import { createPageTokens } from '../src/list/page-token.ts';
import type { Outcome } from '../src/outcome.ts';
import { openExaminer } from '../src/quality/examiner.ts';
import { createProviderRecords } from '../src/quality/record.ts';
import { openRedactions, type RedactionResult } from '../src/redactions.ts';
import { createSnapshotHolder } from '../src/snapshot/holder.ts';
import { applyEntries, emptySnapshot } from '../src/snapshot/snapshot.ts';
import { openUpstream } from '../src/upstream/upstream.ts';
import { createEntries, everything, testCaller } from './entries.ts';
import { testOutbound } from './provider-server.ts';

const MIB = 1024 * 1024;

type Manifest = MessageInitShape<typeof ProviderManifestSchema>;

/** A clock that tests move. */
export function createTestClock(): Clock & { advance(ms: number): void } {
  let movedMs = 0;
  return {
    wallMs: () => systemClock.wallMs() + movedMs,
    monotonicMs: () => systemClock.monotonicMs() + movedMs,
    advance(ms) {
      movedMs += ms;
    },
  };
}

/** The router's pipeline over providers on real sockets, without a registry. */
export function openAnswering(
  providers: readonly { manifest: Manifest; urls: readonly string[]; tenant?: string }[],
  options: {
    clock?: Clock;
    shared?: SharedCache;
    schema?: JsonObject;
    /** Of the tenant acme; left out: everybody may do everything. */
    policies?: readonly MessageInitShape<typeof PolicyManifestSchema>[];
    blobs?: BlobStore;
    /** How long one item may take to be redacted in a thread. */
    redactionMs?: number;
    /** What redacted items may take of memory. */
    redactedMaxBytes?: number;
  } = {},
) {
  const clock = options.clock ?? systemClock;
  const log = createLogger({ name: 'test', level: 'silent' });
  const make = createEntries();
  const holder = createSnapshotHolder(clock);
  const entries = providers.flatMap(({ manifest, urls, tenant }) => [
    make.provider(manifest, tenant),
    ...urls.map((url) =>
      make.endpoint(
        { provider: manifest.name ?? '', version: manifest.version ?? '', url },
        EndpointHealth.UP,
        tenant,
      ),
    ),
  ]);
  const owners = new Set(providers.map(({ tenant = 'acme' }) => tenant));
  const policies = [
    ...(options.policies ?? [everything]).map((manifest) => make.policy(manifest)),
    ...[...owners]
      .filter((owner) => owner !== 'acme')
      .map((owner) => make.policy(everything, owner)),
  ];
  const types = ['DocChunk', 'Metric'].map((name) => make.type(name, '1.0.0', '', options.schema));
  holder.replace(
    applyEntries(emptySnapshot, [...types, ...entries, ...policies], { epoch: 'e', revision: 9n }),
    0,
  );
  const upstream = openUpstream({ clock, secrets: noSecrets, log, outbound: testOutbound() });
  const memory = createMemoryCache(16 * 1024 * 1024);
  const examiner = openExaminer({ clock, log });
  const records = createProviderRecords(clock);
  const limits = openLimits({ clock, log, pool: undefined });
  const invalidations = createInvalidations();
  const flights = createFlights({
    ...{ upstream, memory, shared: options.shared, clock },
    ...{ examiner, records, limits, invalidations },
    ...{ blobs: options.blobs, blobMaxBytes: 64 * MIB },
  });
  const tokens = createConsistencyTokens(new Uint8Array(32).fill(7));
  const held = createHeldBytes(64 * 1024 * 1024);
  const secret = new Uint8Array(32).fill(7);
  const results: RedactionResult[] = [];
  const redactions = openRedactions({
    ...{ serviceSecret: secret, maxBytes: options.redactedMaxBytes ?? MIB, clock, log },
    ...{ blobs: options.blobs, timeoutMs: options.redactionMs },
    count: (result) => results.push(result),
  });
  const pageTokens = createPageTokens(secret);
  const deps = {
    // What is recorded, and how, is the journal's tests' to show.
    recorder: { record: () => undefined },
    journal: { refusal: () => undefined },
    decided: () => {},
    redactions,
    blobs: options.blobs,
    limits,
    pageTokens,
    memory,
    shared: options.shared,
    flights,
    invalidations,
    clock,
    log,
    holder,
    tokens,
    upstream,
    held,
    records,
    // Nothing happens here: whoever waits for it has waited long enough.
    tails: { reach: async () => {} },
  };

  return {
    ...deps,
    /** What an event does that tells of a ref. */
    forgetting: forgetting({ memory, shared: options.shared, holder, invalidations }),
    /** What became of values that obligations are about, in order. */
    redactionResults: results,
    /** Fetches keys (`Type/key`); answers them as short texts and the raw outcomes. */
    async fetch(
      refs: readonly string[],
      more: MessageInitShape<typeof FetchContextRequestSchema> & Partial<Asked> = {},
    ) {
      const { caller, signal, timeoutMs, ...request } = more;
      const { outcomes } = await answer(
        { ...deps, observe: () => {} },
        create(FetchContextRequestSchema, {
          refs: refs.map((ref) => ({
            type: ref.slice(0, ref.indexOf('/')),
            key: ref.slice(ref.indexOf('/') + 1),
          })),
          ...request,
        }),
        {
          caller: caller ?? testCaller(),
          signal: signal ?? new AbortController().signal,
          timeoutMs: timeoutMs ?? 5_000,
        },
      );
      return { outcomes, texts: outcomes.map(textOf) };
    },
    async [Symbol.asyncDispose]() {
      await upstream[Symbol.asyncDispose]();
      await examiner[Symbol.asyncDispose]();
      await redactions[Symbol.asyncDispose]();
    },
  };
}

function textOf(outcome: Outcome): string {
  if (outcome.kind === 'refused') return `refused: ${outcome.refusal.text}`;
  const { body } = itemOf(outcome.entry);
  return body.case === 'payload' ? Buffer.from(body.value).toString() : '';
}
