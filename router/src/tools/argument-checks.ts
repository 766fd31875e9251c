import { createHash } from 'node:crypto';
import type { JsonObject } from '@bufbuild/protobuf';
import {
  type Clock,
  JobError,
  type Logger,
  type Metrics,
  openWorkers,
  refuse,
  type WeirError,
  type Workers,
} from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { LRUCache } from 'lru-cache';
import { plainText } from '../gather/bounds.ts';
import { createInline } from '../inline.ts';
import type { ArgumentCheck } from './argument-schema.ts';
import type { ArgumentsFound, ArgumentsJob } from './arguments-job.ts';
import type { ParsedCall } from './parse-call.ts';
import type { ToolOffer } from './tool-offers.ts';

/** Holds the arguments of calls to the schemas of tools. */
export interface ArgumentChecks extends AsyncDisposable {
  /**
   * What is wrong with the arguments; undefined: they fit, or it cannot be told. At once for what is
   * small and plain, by a worker for all else. Never rejects.
   */
  faultOf(tool: ToolOffer, call: ParsedCall): MaybeLater<WeirError | undefined>;
}

type MaybeLater<T> = T | Promise<T>;

/** Compiled schemas that are kept. */
const COMPILED_MAX = 1_000;
/** A schema, as characters of JSON, that is compiled without a worker: in about 20 ms. */
const INLINE_SCHEMA_MAX_CHARS = 8 * 1024;
/** Arguments that are checked without a worker. */
const INLINE_MAX_BYTES = 4 * 1024;
/** What compiling may take of the event loop before workers do it: so much of every window. */
const INLINE_BUDGET_MS = 10;
const INLINE_WINDOW_MS = 50;
/** No tenant has more than one of them. */
const THREADS = 2;
/** Calls that wait to be checked by the worker; what is beyond is not checked. */
const CHECKS_WAITING_MAX = 256;
/** How long one check may run, with the compiling of its schema. */
const CHECK_TIMEOUT_MS = 250;
const HEAP_MAX_MB = 128;
/** How long a schema is left alone with which a check had to be stopped. */
const REST_MS = 30_000;
const RESTING_MAX = 1_000;
const TEXT_MAX_CHARS = 200;

/** A schema, and how it is checked. */
interface Definition {
  readonly id: string;
  readonly json: string;
  readonly schema: JsonObject;
  readonly isPlain: boolean;
}

/** Opens the checks; their thread starts when it is first needed. */
export function openArgumentChecks({
  clock,
  log,
  metrics,
}: {
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
}): ArgumentChecks {
  const workers = openWorkers({
    entry: new URL('./arguments-job.ts', import.meta.url),
    threads: THREADS,
    queueMax: CHECKS_WAITING_MAX,
    timeoutMs: CHECK_TIMEOUT_MS,
    heapMaxMb: HEAP_MAX_MB,
    log,
  });
  const unchecked = metrics.meter.createCounter('weir_tool_arguments_unchecked', {
    description: 'Calls of tools whose arguments could not be held to the schema',
  });
  unchecked.add(0);
  return createArgumentChecks(workers, clock, () => unchecked.add(1));
}

function createArgumentChecks(
  workers: Workers,
  clock: Clock,
  onUnchecked: () => void,
): ArgumentChecks {
  const definitions = new WeakMap<JsonObject, Definition>();
  const compiled = new LRUCache<string, ArgumentCheck>({ max: COMPILED_MAX });
  const restingUntilMs = new LRUCache<string, number>({ max: RESTING_MAX });
  const inline = createInline(clock, {
    maxBytes: INLINE_MAX_BYTES,
    budgetMs: INLINE_BUDGET_MS,
    windowMs: INLINE_WINDOW_MS,
  });
  /** The calls whose arguments are with the workers: those that wait are taken back when one is stopped. */
  const waitingFor = new Map<string, { count: number; readonly recall: AbortController }>();
  let compiler: typeof import('./argument-schema.ts') | undefined;

  function definitionOf(schema: JsonObject, { isPlain }: NonNullable<typeof compiler>): Definition {
    const known = definitions.get(schema);
    if (known) return known;
    const json = JSON.stringify(schema);
    const id = createHash('sha256').update(json).digest('base64url');
    const isSmall = json.length <= INLINE_SCHEMA_MAX_CHARS;
    const made = { id, json, schema, isPlain: isSmall && isPlain(schema) };
    definitions.set(schema, made);
    return made;
  }

  /** The check, where it can be had here and now. */
  function checkHere(of: Definition, call: ParsedCall): ArgumentCheck | undefined {
    if (!of.isPlain || call.bytes.length > INLINE_MAX_BYTES) return undefined;
    const known = compiled.get(of.id);
    if (known || !compiler || !inline.has(0)) return known;
    const { compileArguments } = compiler;
    const made = inline.spend(() => {
      try {
        return compileArguments(of.schema);
      } catch {
        return uncheckable;
      }
    });
    compiled.set(of.id, made);
    return made;
  }

  const uncheckable: ArgumentCheck = () => {
    onUnchecked();
    return [];
  };

  async function checkInThread(
    { id, json: schema }: Definition,
    call: ParsedCall,
    owner: string,
  ): Promise<ArgumentsFound> {
    // Of this tenant alone: what its arguments do to a schema must not rest another's checks.
    const resting = `${owner}\0${id}`;
    if ((restingUntilMs.get(resting) ?? 0) > clock.monotonicMs()) return undefined;
    // A copy: with a part of a message the thread would be sent all of it.
    const job: ArgumentsJob = { id, schema, arguments: new Uint8Array(call.bytes) };
    const waiting = waitingFor.get(resting) ?? { count: 0, recall: new AbortController() };
    waitingFor.set(resting, waiting);
    waiting.count += 1;
    try {
      return await workers.run<ArgumentsFound>(job, { lane: owner, recall: waiting.recall.signal });
    } catch (error) {
      if (error instanceof JobError) {
        restingUntilMs.set(resting, clock.monotonicMs() + REST_MS);
        waiting.recall.abort();
      }
      return undefined;
    } finally {
      waiting.count -= 1;
      if (waiting.count === 0) waitingFor.delete(resting);
    }
  }

  function faultWith(tool: ToolOffer, call: ParsedCall): MaybeLater<WeirError | undefined> {
    const { input, provider } = tool;
    if (!input || !compiler) return undefined;
    const of = definitionOf(input, compiler);
    const check = checkHere(of, call);
    if (check) return refusalOf(tool, check(call.arguments));
    return checkInThread(of, call, provider.tenant).then((found) => {
      if (!found) onUnchecked();
      return refusalOf(tool, found ?? []);
    });
  }

  return {
    faultOf(tool, call) {
      if (compiler || !tool.input) return faultWith(tool, call);
      // Who never calls a tool need not load it.
      return import('./argument-schema.ts').then(({ compileArguments, isPlain }) => {
        compiler = { compileArguments, isPlain };
        return faultWith(tool, call);
      });
    },
    [Symbol.asyncDispose]: () => workers[Symbol.asyncDispose](),
  };
}

function refusalOf({ name }: ToolOffer, faults: readonly string[]): WeirError | undefined {
  if (faults.length === 0) return undefined;
  const violations = faults.map((fault) => {
    const [place = '', ...rest] = fault.split(': ');
    const isInside = place.startsWith('/');
    const description = plainText(rest.join(': ') || fault, TEXT_MAX_CHARS);
    return { field: plainText(`arguments${isInside ? place : ''}`, TEXT_MAX_CHARS), description };
  });
  const told = violations.map(({ field, description }) => `${field} ${description}`).join('; ');
  const text = `the arguments do not fit the input schema of ${name}: ${told}`;
  return refuse(Reason.INVALID_ARGUMENTS, text, { violations });
}
