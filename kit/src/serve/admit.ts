import type { DescMethod } from '@bufbuild/protobuf';
import type { ConnectError } from '@connectrpc/connect';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { refuse } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import {
  type Admission,
  type AdmissionObserver,
  createAdmission,
  DEAR_BYTES,
} from './admission.ts';
import { carrierOf, type HttpRequest, type HttpResponse } from './http.ts';
import type { LeanRefusal } from './lane/lane.ts';
import type { ServeLimits } from './limits.ts';
import type { ServeOptions } from './options.ts';
import { writeRefusal } from './refusal.ts';

/** Told to one caller after the other, so that they do not all come back at once. */
const retryDelaysMs = [500, 700, 900, 1100, 1300, 1500];

const refusals = retryDelaysMs.map((retryDelayMs) => {
  const text = 'more calls than can be answered in time; call again after the delay';
  return writeRefusal(refuse(Reason.OVERLOADED, text, { retryDelayMs }));
});

/** Begins a request now or soon, or answers it with a refusal. */
export type Admit = (request: HttpRequest, response: HttpResponse, begin: () => void) => void;

/** What stands before the handlers of the services, in both lanes. */
export interface Door {
  readonly admission: Admission;
  readonly admit: Admit;
  /** The same for a request in a protocol of its own, whose calls are not known yet. */
  admitOther(request: HttpRequest, response: HttpResponse, other: OtherRequest): void;
  /** Lets a call in that is no request of its own, such as one over a WebSocket. */
  enter(path: string, call: EnteringCall): void;
  /** What refuses calls of a path in the fast lane. */
  refused(path: string): LeanRefusal;
}

/** A request in a protocol of its own. */
export interface OtherRequest {
  /** What it is counted as, such as "mcp/request". */
  readonly name: string;
  /** It lasts: it is not among the calls at work once its body is there. */
  readonly lasting: boolean;
  begin(): void;
  refuse(error: ConnectError): void;
}

/** A call of which all is there. */
export interface EnteringCall {
  /** The size of its message. */
  readonly bytes: number;
  gone(): boolean;
  /** Begins it; `read` is to be told when its message has been read, `over` when it is over. */
  begin(told: { read(): void; over(): void }): void;
  refuse(error: ConnectError): void;
}

/** Opens what stands before the handlers of the services; all other requests pass. */
export function openDoor(
  {
    services,
    dear = [],
    lasting = [],
    log,
    metrics,
  }: Pick<ServeOptions, 'services' | 'dear' | 'lasting' | 'log' | 'metrics'>,
  limits: ServeLimits,
): Door {
  const methods = new Set(
    services.flatMap(({ typeName, methods }) => methods.map(({ name }) => `/${typeName}/${name}`)),
  );
  const dearMethods = pathsOf(dear);
  const lastingMethods = pathsOf(lasting);
  const admission = createAdmission(limits, createObserver(log, metrics));
  metrics.meter
    .createObservableGauge('weir_calls_at_work', { description: 'Calls begun and not over.' })
    .addCallback((result) => result.observe(admission.atWork));
  metrics.meter
    .createObservableGauge('weir_calls_waiting', { description: 'Calls that wait to begin.' })
    .addCallback((result) => result.observe(admission.waiting));
  let refused = 0;
  const nextRefusal = () => {
    refused = (refused + 1) % refusals.length;
    return refusals[refused] as (typeof refusals)[number];
  };
  const count = (path: string, sinceMs: number) =>
    metrics.recordCall(path.slice(1), 'UNAVAILABLE', (performance.now() - sinceMs) / 1000);
  const arrive = (
    request: HttpRequest,
    response: HttpResponse,
    { dear, lasting, begin, refuse }: Request,
  ) => {
    const carrier = carrierOf(request);
    admission.arrive({
      gone: () => carrier.destroyed,
      dear: dear || Number(request.headers['content-length']) > DEAR_BYTES,
      begin(read) {
        if (lasting) whenRead(request, admission.over);
        else response.once('close', admission.over);
        request.once('end', read);
        request.once('close', read);
        begin();
      },
      refuse,
    });
  };
  return {
    admission,
    admit(request, response, begin) {
      const path = request.url?.split('?', 1)[0] ?? '';
      if (!methods.has(path)) return begin();
      const startMs = performance.now();
      arrive(request, response, {
        ...{ dear: dearMethods.has(path), lasting: lastingMethods.has(path), begin },
        refuse() {
          nextRefusal().answer(request, response);
          count(path, startMs);
        },
      });
    },
    admitOther(request, response, { name, lasting, begin, refuse }) {
      const startMs = performance.now();
      arrive(request, response, {
        ...{ dear: false, lasting, begin },
        refuse() {
          refuse(nextRefusal().error);
          count(`/${name}`, startMs);
        },
      });
    },
    enter(path, call) {
      if (!methods.has(path)) {
        call.begin({ read: ignore, over: ignore });
        return;
      }
      const startMs = performance.now();
      admission.arrive({
        gone: call.gone,
        dear: dearMethods.has(path) || call.bytes > DEAR_BYTES,
        begin(read) {
          const over = onceOnly(admission.over);
          call.begin({
            read() {
              read();
              if (lastingMethods.has(path)) over();
            },
            over,
          });
        },
        refuse() {
          call.refuse(nextRefusal().error);
          count(path, startMs);
        },
      });
    },
    refused: (path) => (stream, protocol, call) => {
      nextRefusal().answerStream(stream, protocol, call.requestId);
      count(path, call.arrivedMs);
    },
  };
}

/** A request at the door. */
interface Request {
  readonly dear: boolean;
  readonly lasting: boolean;
  begin(): void;
  refuse(): void;
}

function onceOnly(done: () => void): () => void {
  let told = false;
  return () => {
    if (!told) done();
    told = true;
  };
}

function ignore(): void {}

/** Calls back once, when all of a message has come, or nothing more will. */
function whenRead(request: HttpRequest, done: () => void): void {
  const once = () => {
    request.off('end', once);
    request.off('close', once);
    done();
  };
  request.on('end', once);
  request.on('close', once);
}

function pathsOf(methods: readonly DescMethod[]): ReadonlySet<string> {
  return new Set(methods.map(({ parent, name }) => `/${parent.typeName}/${name}`));
}

/** Refusals are counted; only their beginning and end are worth a line. */
function createObserver(log: Logger, { meter, histogram }: Metrics): AdmissionObserver {
  const waits = histogram({
    name: 'weir_call_queue_seconds',
    description: 'How long calls waited before they began.',
    boundaries: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1],
  });
  const refusals = meter.createCounter('weir_calls_refused', {
    description: 'Calls refused because of overload, before they began.',
  });
  refusals.add(0);
  let refused = 0;
  return {
    begun: (waitedMs) => waits.record(waitedMs / 1000),
    refused() {
      refused += 1;
      refusals.add(1);
    },
    overloaded(yes) {
      if (yes) log.warn('overload: calls are refused until the process keeps up again');
      else log.info({ refused }, 'the overload is over');
      refused = 0;
    },
  };
}
