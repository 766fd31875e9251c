import { once } from 'node:events';
import { Code, ConnectError, type ServiceImpl } from '@connectrpc/connect';
import {
  type Health,
  HealthCheckResponse_ServingStatus as Status,
} from '../gen/health/v1/health_pb.ts';
import { ProviderService } from '../gen/weir/provider/v1/provider_pb.ts';

/** The gRPC health service, and the switch behind it. */
export interface HealthSwitch {
  readonly service: ServiceImpl<typeof Health>;
  /** Tells those who ask, and those who watch, that no calls are wanted any more. */
  stopServing(): void;
}

/** Serves gRPC health for the provider as a whole. Begins as serving. */
export function createHealth(): HealthSwitch {
  const stopped = new AbortController();
  const status = (): Status => (stopped.signal.aborted ? Status.NOT_SERVING : Status.SERVING);
  return {
    stopServing: () => stopped.abort(),
    service: {
      check({ service }) {
        if (isKnown(service)) return { status: status() };
        throw new ConnectError(`no service "${service}" here`, Code.NotFound);
      },
      async *watch({ service }, { signal }) {
        if (!isKnown(service)) {
          yield { status: Status.SERVICE_UNKNOWN };
          return;
        }
        yield { status: status() };
        if (stopped.signal.aborted) return;
        const ended = AbortSignal.any([signal, stopped.signal]);
        if (!ended.aborted) await once(ended, 'abort');
        if (!signal.aborted) yield { status: status() };
      },
      list: () => ({ statuses: { '': { status: status() } } }),
    },
  };
}

function isKnown(service: string): boolean {
  return service === '' || service === ProviderService.typeName;
}
