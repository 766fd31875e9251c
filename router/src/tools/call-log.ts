import { setImmediate } from 'node:timers/promises';
import { create } from '@bufbuild/protobuf';
import { type Duration, DurationSchema, timestampFromMs } from '@bufbuild/protobuf/wkt';
import { type Client, Code, ConnectError } from '@connectrpc/connect';
import { type Caller, codeOf, type Logger, type Metrics } from '@weir/kit';
import { createRedactor, detectorNames, type Redactor } from '@weir/policy';
import type { CacheStatus } from '@weir/sdk/gen/weir/context/v1/context_pb';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { type Obligation, ObligationSchema } from '@weir/sdk/gen/weir/policy/v1/policy_pb';
import {
  type CallIntakeService,
  type ToolCall,
  ToolCallSchema,
} from '@weir/sdk/gen/weir/tools/v1/calls_pb';

/** Calls that wait to be handed over; what comes beyond is not logged. */
const WAITING_CALLS_MAX = 5_000;
/** In one message, which the registry reads up to 768 KiB of. */
const HANDED_OVER_MAX = 256;
const HANDED_OVER_BYTES = 700 * 1024;
/** What an entry takes at most beside its arguments and result, in bytes. */
const ENTRY_BYTES_MAX = 2 * 1024;
/** A character of a text, in bytes. */
const CHAR_BYTES_MAX = 3;
/** In one turn of the event loop. */
const LOOKED_AT_ONCE = 5;
/** How long a call waits for others. A second's calls at once would hold up those of that moment. */
const HAND_OVER_AFTER_MS = 50;
/** How long after a hand-over failed. */
const HAND_OVER_AGAIN_MS = 1_000;
const HAND_OVER_TIMEOUT_MS = 10_000;
/** What they hold of arguments and results, in bytes. */
const WAITING_BYTES_MAX = 32 * 1024 * 1024;
/** What is kept of arguments, and of a result, in characters. */
const KEPT_CHARS_MAX = 4 * 1024;
/** Larger ones are not kept: what is cut from JSON cannot be searched for what is to be replaced. */
const READ_BYTES_MAX = 64 * 1024;
/** What stands for one that could not be searched. */
const WITHHELD = '[withheld]';

/** What became of a call. */
export interface LoggedCall {
  readonly requestId: string;
  readonly caller: Caller;
  readonly startWallMs: number;
  readonly durationMs: number;
  readonly group: string;
  readonly tool: string;
  readonly providerVersion: string;
  /** UNSPECIFIED: it was answered. */
  readonly reason: Reason;
  readonly isError: boolean;
  readonly isTest: boolean;
  readonly cache: CacheStatus;
  readonly arguments: Uint8Array;
  /** As it was given out; empty: there is none. */
  readonly result: Uint8Array;
  readonly resultBytes: number;
}

/** Where calls of tools are told; none of them waits for it. */
export interface CallLog extends AsyncDisposable {
  add(call: LoggedCall): void;
}

/** What logging calls needs. */
export interface CallLogDeps {
  readonly client: Pick<Client<typeof CallIntakeService>, 'addCalls'>;
  readonly log: Logger;
  readonly metrics: Metrics;
}

/** Opens the log of calls: they are handed over to the registry together, and again when that fails. */
export function openCallLog({ client, log, metrics }: CallLogDeps): CallLog {
  const redactor = createRedactor({ list: [everything] }, { tagged: () => [], hashKey: noKey });
  const waiting: LoggedCall[] = [];
  let waitingBytes = 0;
  const lost = metrics.meter.createCounter('weir_tool_calls_unlogged', {
    description: 'Calls of tools that the log of calls has no entry of',
  });
  lost.add(0);
  let isFailing = false;
  let handing: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;
  /** As many as fit into a message. Whether others may follow. */
  const handOver = async (): Promise<boolean> => {
    const calls = await entriesOf(redactor, waiting);
    const together = waiting.slice(0, calls.length);
    try {
      await client.addCalls({ calls }, { timeoutMs: HAND_OVER_TIMEOUT_MS });
      isFailing = false;
    } catch (error) {
      const mayGoLater = passing.has(ConnectError.from(error).code);
      if (!isFailing) log.warn({ err: error }, 'the log of calls cannot be written');
      isFailing = true;
      if (mayGoLater) return false;
      // What the registry does not take must not hold up what comes after it.
      lost.add(together.length);
    }
    waiting.splice(0, together.length);
    for (const call of together) waitingBytes -= heldBytes(call);
    return true;
  };
  const handOverSoon = (): void => {
    if (timer || handing || waiting.length === 0) return;
    timer = setTimeout(
      () => {
        timer = undefined;
        handing = handOver().then(() => {
          handing = undefined;
          handOverSoon();
        });
      },
      isFailing ? HAND_OVER_AGAIN_MS : HAND_OVER_AFTER_MS,
    );
    timer.unref();
  };
  return {
    add(call) {
      const kept = { ...call, arguments: readable(call.arguments), result: readable(call.result) };
      const bytes = heldBytes(kept);
      if (waiting.length >= WAITING_CALLS_MAX || waitingBytes + bytes > WAITING_BYTES_MAX) {
        lost.add(1);
        return;
      }
      waiting.push(kept);
      waitingBytes += bytes;
      handOverSoon();
    },
    async [Symbol.asyncDispose]() {
      await handing;
      clearTimeout(timer);
      while (waiting.length > 0 && (await handOver()));
    },
  };
}

/** What may be otherwise the next time. */
const passing: ReadonlySet<Code> = new Set([
  ...[Code.Unavailable, Code.DeadlineExceeded, Code.Canceled, Code.Aborted],
  ...[Code.Unauthenticated, Code.Unimplemented],
]);

function heldBytes({ arguments: given, result }: LoggedCall): number {
  return given.length + result.length;
}

const nothing = new Uint8Array();

/** A copy, so that the message that it came in can go. */
function readable(bytes: Uint8Array): Uint8Array {
  return bytes.length <= READ_BYTES_MAX ? bytes.slice() : nothing;
}

const noKey = new Uint8Array(32);

/** All detectors, on all that is text. */
const everything: Obligation = create(ObligationSchema, {
  kind: {
    case: 'redact',
    value: { detectors: [...detectorNames] },
  },
});

/**
 * Of as many of the first calls as fit into a message. Detectors take their time, and are not to hold
 * up the others.
 */
async function entriesOf(redactor: Redactor, calls: readonly LoggedCall[]): Promise<ToolCall[]> {
  const entries: ToolCall[] = [];
  let bytes = 0;
  for (const call of calls.slice(0, HANDED_OVER_MAX)) {
    const entry = entryOf(redactor, call);
    bytes += ENTRY_BYTES_MAX + (entry.arguments.length + entry.result.length) * CHAR_BYTES_MAX;
    if (bytes > HANDED_OVER_BYTES) break;
    entries.push(entry);
    if (entries.length % LOOKED_AT_ONCE === 0) await setImmediate();
  }
  return entries;
}

function entryOf(redactor: Redactor, call: LoggedCall): ToolCall {
  const { requestId, caller, group, tool, providerVersion, reason, isError, isTest, cache } = call;
  const { tenant, principal, consumer, keyId: credential } = caller;
  return create(ToolCallSchema, {
    ...{ requestId, tenant, group, tool, providerVersion, principal, consumer, credential },
    ...{ reason, isError, isTest, cache },
    code: reason === Reason.UNSPECIFIED ? 0 : codeOf(reason),
    time: timestampFromMs(call.startWallMs),
    duration: durationOf(call.durationMs),
    resultBytes: BigInt(call.resultBytes),
    arguments: shown(redactor, call.arguments),
    result: shown(redactor, call.result),
  });
}

/** To the microsecond; of a whole number of nanoseconds, as the form has it. */
function durationOf(ms: number): Duration {
  const us = Math.round(ms * 1000);
  return create(DurationSchema, {
    seconds: BigInt(Math.floor(us / 1e6)),
    nanos: (us % 1e6) * 1000,
  });
}

const decoder = new TextDecoder();

function shown(redactor: Redactor, bytes: Uint8Array): string {
  // As JSON: what is written with escapes is found too.
  const found = redactor.value(bytes, 'application/json');
  const made = found ? decoder.decode(found.payload).replaceAll('\0', '\ufffd') : WITHHELD;
  const cut = made.length > KEPT_CHARS_MAX ? `${made.slice(0, KEPT_CHARS_MAX - 1)}…` : made;
  return cut.toWellFormed();
}
