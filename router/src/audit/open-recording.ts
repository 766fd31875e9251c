import { createHash } from 'node:crypto';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { createClient, type Transport } from '@connectrpc/connect';
import { type Journal, openJournal } from '@weir/journal';
import {
  type CallHead,
  type Clock,
  codeOf,
  type Logger,
  type Metrics,
  peerKey,
  requestIdKey,
  WeirError,
} from '@weir/kit';
import { JournalService } from '@weir/sdk/gen/weir/audit/v1/journal_pb';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { observeJournal } from './journal-metrics.ts';
import { createRecorder, type Recorder } from './recorder.ts';
import type { journalSettings } from './settings.ts';

/** What is recorded, and where. */
export interface Recording extends AsyncDisposable {
  readonly journal: Journal;
  readonly recorder: Recorder;
}

/** What recording needs. */
export interface RecordingDeps {
  /** The way to the registry, as this router itself. */
  readonly transport: Transport;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Pick<Metrics, 'meter'>;
}

/** How much of the hash of the data directory stands in the name of a router. */
const HASH_CHARS = 12;

type JournalConfig = {
  readonly [K in keyof typeof journalSettings]: ReturnType<(typeof journalSettings)[K]['parse']>;
} & { readonly dataDir: string };

/** Opens the journal of a router, in its data directory, and what writes into it. */
export async function openRecording(
  config: JournalConfig,
  { transport, clock, log, metrics }: RecordingDeps,
): Promise<Recording> {
  const directory = join(config.dataDir, 'journal');
  const router = routerName(config.dataDir);
  const { observer, watch } = observeJournal(metrics);
  const journal = await openJournal({
    ...{ directory, writer: router, clock, log, observe: observer },
    ...{ durable: config.journalDurable, maxBytes: config.journalMaxBytes },
    keepMs: config.journalKeepMs,
    intake: createClient(JournalService, transport),
  });
  watch(journal);
  const recorder = createRecorder({ journal, clock, router });
  return {
    journal,
    recorder,
    async [Symbol.asyncDispose]() {
      recorder[Symbol.dispose]();
      await journal[Symbol.asyncDispose]();
    },
  };
}

/** The same over restarts: the machine and the directory on it, of which nobody learns more. */
export function routerName(dataDir: string): string {
  const hash = createHash('sha256').update(dataDir).digest('hex').slice(0, HASH_CHARS);
  return `${hostname()}/${hash}`;
}

/** A gate whose refusals are recorded. */
export function recordingGate(
  gate: (head: CallHead) => void | Promise<void>,
  { recorder, clock }: { readonly recorder: Recorder; readonly clock: Clock },
) {
  const refused = (head: CallHead, error: unknown): never => {
    // A fault of ours lets nobody in either.
    const reason = error instanceof WeirError ? error.reason : Reason.INTERNAL;
    recorder.recordRefused({
      requestId: head.values.get(requestIdKey),
      method: `${head.service.typeName}/${head.method.name}`,
      network: head.values.get(peerKey).address,
      startWallMs: clock.wallMs(),
      startMonotonicMs: clock.monotonicMs(),
      code: codeOf(reason),
      reason,
    });
    throw error;
  };
  return (head: CallHead): void | Promise<void> => {
    try {
      return gate(head)?.catch((error: unknown) => refused(head, error));
    } catch (error) {
      return refused(head, error);
    }
  };
}
