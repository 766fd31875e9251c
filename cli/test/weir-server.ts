import { createServer, type ServerHttp2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';
import {
  Code,
  ConnectError,
  type ConnectRouter,
  type Interceptor,
  type ServiceImpl,
} from '@connectrpc/connect';
import { connectNodeAdapter } from '@connectrpc/connect-node';
import { BadRequestSchema, ErrorInfoSchema } from '@weir/sdk/gen/google/rpc/error_details_pb';
import { AuditService } from '@weir/sdk/gen/weir/audit/v1/audit_pb';
import { Reason, ReasonSchema } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { PolicyService } from '@weir/sdk/gen/weir/policy/v1/service_pb';
import { AdminService } from '@weir/sdk/gen/weir/registry/v1/admin_pb';
import { RegistryService } from '@weir/sdk/gen/weir/registry/v1/registry_pb';
import { RouterService } from '@weir/sdk/gen/weir/router/v1/router_pb';

/** The only key that the test's Weir knows. */
export const testKey = 'weir_abcdefgh12345678_0123456789012345678901234567890123456789abc';

/** The methods that a test answers. */
export interface Answers {
  readonly router?: Partial<ServiceImpl<typeof RouterService>>;
  readonly registry?: Partial<ServiceImpl<typeof RegistryService>>;
  readonly admin?: Partial<ServiceImpl<typeof AdminService>>;
  readonly policy?: Partial<ServiceImpl<typeof PolicyService>>;
  readonly audit?: Partial<ServiceImpl<typeof AuditService>>;
}

/** A server with a test's answers, on a real socket. */
export interface WeirServer extends AsyncDisposable {
  readonly url: string;
}

/** Serves a test's answers over gRPC, to callers with the test's key. */
export async function serveWeir(answers: Answers): Promise<WeirServer> {
  const sessions = new Set<ServerHttp2Session>();
  const server = createServer(connectNodeAdapter({ routes: routesFor(answers) }));
  server.on('session', (session) => sessions.add(session));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      for (const session of sessions) session.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** An error as Weir sends it. */
export function weirError(
  code: Code,
  reason: Reason,
  text: string,
  faults: readonly { field: string; description: string }[] = [],
): ConnectError {
  const error = new ConnectError(text, code);
  const name = ReasonSchema.value[reason]?.name ?? '';
  error.details.push({ desc: ErrorInfoSchema, value: { reason: name, domain: 'weir' } });
  if (faults.length > 0) {
    error.details.push({ desc: BadRequestSchema, value: { fieldViolations: [...faults] } });
  }
  return error;
}

function routesFor({ router = {}, registry = {}, admin = {}, policy = {}, audit = {} }: Answers) {
  const interceptors = [keyCheck];
  return (routes: ConnectRouter) => {
    routes.service(RouterService, router, { interceptors });
    routes.service(RegistryService, registry, { interceptors });
    routes.service(AdminService, admin, { interceptors });
    routes.service(PolicyService, policy, { interceptors });
    routes.service(AuditService, audit, { interceptors });
  };
}

const keyCheck: Interceptor = (next) => async (request) => {
  if (request.header.get('authorization') === `Bearer ${testKey}`) return next(request);
  throw weirError(Code.Unauthenticated, Reason.CREDENTIAL_INVALID, 'the key is not known');
};
