import { type DescMessage, type MessageShape, toBinary } from '@bufbuild/protobuf';
import type { HandlerContext } from '@connectrpc/connect';
import {
  callerOf,
  JobError,
  type JobFault,
  type JobOptions,
  type Logger,
  openWorkers,
  refuse,
  type WeirError,
} from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import type { ContextTypeManifest } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { consumerKind, policyKind, providerKind, typeKind } from '../manifest/kinds.ts';
import {
  type ManifestKind,
  type ManifestSource,
  type ReadManifest,
  readManifest,
  reasonOf,
  refusalOf,
} from '../manifest/read-manifest.ts';
import type { CheckJob, ManifestFound, SentSource } from './job.ts';

/** Threads that check; one tenant has all but one of them at most. */
const CHECK_THREADS = 2;
/** Checks that wait for a thread; one tenant has half of them at most. */
const CHECKS_WAITING_MAX = 256;
/** The largest manifest that may come as a message; as a document it has 256 KiB at most. */
const MESSAGE_MAX_BYTES = 512 * 1024;
/** The largest message that is checked at once, without a thread. */
const AT_ONCE_MAX_BYTES = 4 * 1024;
/** How long one check may run; some kinds of manifests need more of it. */
const CHECK_MAX_MS = 2000;
const CHECK_HEAP_MAX_MB = 256;

/** What one check may take. */
export interface CheckLimits {
  /** How long it may run, in ms (2000), times the effort of its kind. */
  readonly timeoutMs?: number;
  /** The heap of its thread, in MiB (256), with what it has loaded. */
  readonly heapMaxMb?: number;
}

/** For whom a check is. */
export interface CheckFor {
  readonly tenant: string;
  /** Ends the check. */
  readonly signal: AbortSignal;
}

/** The caller of an RPC, as checks need to know it. */
export function checkFor(context: HandlerContext): CheckFor {
  return { tenant: callerOf(context).tenant, signal: context.signal };
}

/**
 * Checks of what users send. They run in threads of their own, so that no document, however
 * hostile, keeps the registry from answering others.
 */
export interface Checks extends AsyncDisposable {
  /** Reads a manifest. Throws the kind's reason, or INVALID_SCHEMA, naming all faults. */
  read<Desc extends DescMessage>(
    kind: ManifestKind<Desc>,
    source: ManifestSource<MessageShape<Desc>>,
    who: CheckFor,
  ): Promise<ReadManifest<MessageShape<Desc>>>;
  /** Throws INCOMPATIBLE when a type breaks what it promises to keep of an older version. */
  requireKept(
    source: ManifestSource<ContextTypeManifest>,
    older: ContextTypeManifest,
    who: CheckFor,
  ): Promise<void>;
}

/** Opens the checks; their threads start with the first one. */
export function openChecks(log: Logger, limits: CheckLimits = {}): Checks {
  const { timeoutMs = CHECK_MAX_MS, heapMaxMb = CHECK_HEAP_MAX_MB } = limits;
  const workers = openWorkers({
    entry: new URL('./thread.ts', import.meta.url),
    threads: CHECK_THREADS,
    queueMax: CHECKS_WAITING_MAX,
    timeoutMs,
    heapMaxMb,
    log,
  });

  const texts = (timeMs: number): Readonly<Record<JobFault, string | undefined>> => ({
    time: `takes longer than ${timeMs / 1000} s to check`,
    memory: 'takes more memory to check than one may have',
    stack: 'is nested too deep to be checked',
    crash: undefined,
  });

  async function run<T>(job: CheckJob, { tenant, signal }: CheckFor, effort = 1): Promise<T> {
    const timeMs = timeoutMs * effort;
    const options: JobOptions = { lane: tenant, signal, timeoutMs: timeMs };
    return await workers.run<T>(job, options).catch((error: unknown) => {
      throw error instanceof JobError ? (tooMuch(job, texts(timeMs)[error.fault]) ?? error) : error;
    });
  }

  return {
    async read<Desc extends DescMessage>(
      kind: ManifestKind<Desc>,
      source: ManifestSource<MessageShape<Desc>>,
      who: CheckFor,
    ) {
      const sent = sentOf(kind, source);
      if (isSoonChecked(kind, sent)) return readManifest(kind, source);
      const job: CheckJob = { kind: 'read', of: kind.kind, source: sent };
      const found = await run<ManifestFound>(job, who, kind.effort);
      return {
        ...found,
        // It was read as a message of this kind.
        manifest: found.manifest as MessageShape<Desc>,
        refuse: refusalOf(found.places),
      };
    },
    requireKept: (source, older, who) =>
      run<void>({ kind: 'keep', source: sentOf(typeKind, source), older }, who),
    [Symbol.asyncDispose]: () => workers[Symbol.asyncDispose](),
  };
}

function sentOf<Desc extends DescMessage>(
  kind: ManifestKind<Desc>,
  source: ManifestSource<MessageShape<Desc>>,
): SentSource {
  switch (source.case) {
    case 'document':
      return source;
    case 'manifest': {
      const value = toBinary(kind.desc, source.value);
      if (value.length <= MESSAGE_MAX_BYTES) return { case: 'message', value };
      const text = `is larger than ${MESSAGE_MAX_BYTES / 1024} KiB; shorten it`;
      throw refused(reasonOf(kind), 'manifest', text);
    }
    default:
      throw refuse(Reason.MALFORMED_REQUEST, 'send a manifest or a document');
  }
}

/**
 * Whether a check ends soon for certain: a small message, as the SDK sends it, has no text to
 * parse and no schema, condition or pattern to judge; its checks take time in proportion to its size.
 */
function isSoonChecked({ kind }: ManifestKind<DescMessage>, sent: SentSource): boolean {
  const isPlain = kind === providerKind.kind || kind === consumerKind.kind;
  return isPlain && sent.case === 'message' && sent.value.length <= AT_ONCE_MAX_BYTES;
}

/** The refusal of a document whose check was not brought to its end, if that lies in it. */
function tooMuch(job: CheckJob, limit: string | undefined): WeirError | undefined {
  if (limit === undefined) return undefined;
  if (job.kind === 'keep') {
    const text = `whether it keeps what it promises of the older version ${limit}; change less at a time, or publish it with compatibility none`;
    return refused(Reason.INCOMPATIBLE, 'schema', text);
  }
  const text = `${limit}; make it simpler`;
  if (job.of === typeKind.kind) return refused(Reason.INVALID_SCHEMA, 'schema', text);
  if (job.of === policyKind.kind) return refused(Reason.INVALID_POLICY, 'manifest', text);
  return refused(Reason.INVALID_MANIFEST, 'manifest', text);
}

function refused(reason: Reason, field: string, description: string): WeirError {
  const violations = [{ field, description }];
  return refuse(reason, `${field}: ${description}`, { violations });
}
