import type { DescService } from '@bufbuild/protobuf';
import type { ConnectRouter, HandlerContext } from '@connectrpc/connect';
import {
  Health,
  HealthCheckResponse_ServingStatus as Status,
} from '@weir/sdk/gen/health/v1/health_pb';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { refuse } from '../errors.ts';

/** The health of a server, as grpc.health.v1 tells it. */
export interface HealthState {
  /** Says whether the server serves. */
  setServing(serving: boolean): void;
  /** Says NOT_SERVING for ever, and ends all watches. */
  close(): void;
  /** Adds the health service to a router. */
  routes(router: ConnectRouter): void;
}

/** Creates the health of a server: one state for the server as a whole and for each service. */
export function createHealth(services: readonly DescService[], serving: boolean): HealthState {
  const names = ['', ...services.map((service) => service.typeName)];
  let state: 'serving' | 'not-serving' | 'closed' = serving ? 'serving' : 'not-serving';
  let changed = Promise.withResolvers<void>();
  const setState = (next: typeof state) => {
    if (state === 'closed' || state === next) return;
    state = next;
    changed.resolve();
    changed = Promise.withResolvers();
  };
  const status = () => (state === 'serving' ? Status.SERVING : Status.NOT_SERVING);

  async function* watch(service: string, { signal }: HandlerContext) {
    const known = names.includes(service);
    const ended = new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
    while (!signal.aborted) {
      const next = changed.promise;
      yield { status: known ? status() : Status.SERVICE_UNKNOWN };
      if (state === 'closed') return;
      await Promise.race([next, ended]);
    }
  }

  return {
    setServing: (next) => setState(next ? 'serving' : 'not-serving'),
    close: () => setState('closed'),
    routes: (router) =>
      router.service(Health, {
        check({ service }) {
          if (names.includes(service)) return { status: status() };
          throw refuse(Reason.NOT_FOUND, 'this server has no such service');
        },
        list: () => ({
          statuses: Object.fromEntries(names.map((name) => [name, { status: status() }])),
        }),
        watch: (request, context) => watch(request.service, context),
      }),
  };
}
