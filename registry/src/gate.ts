import { type ContextKey, createContextKey, type HandlerContext } from '@connectrpc/connect';
import { type Assertions, callerKey, refuse } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';

const serviceKey: ContextKey<string> = createContextKey('', {
  description: 'the service that calls in its own name',
});

/** Lets in routers only: for themselves, or with a caller whose call they forward. */
export function createGate(assertions: Assertions): (context: HandlerContext) => Promise<void> {
  return async (context) => {
    const header = context.requestHeader.get('authorization') ?? '';
    const [, token] = /^bearer\s+(\S+)$/i.exec(header) ?? [];
    if (token === undefined) {
      throw refuse(
        Reason.CREDENTIAL_MISSING,
        'this listener is for routers, which send "authorization: Bearer <service assertion>"',
      );
    }
    const assertion = await assertions.verify(token);
    switch (assertion.kind) {
      case 'service':
        context.values.set(serviceKey, assertion.name);
        return;
      case 'caller':
        context.values.set(callerKey, assertion.caller);
        return;
      default:
        assertion satisfies never;
    }
  };
}

/** Refuses calls that a router only forwards. */
export function requireService(context: HandlerContext): void {
  if (context.values.get(serviceKey) !== '') return;
  throw refuse(Reason.SCOPE_MISSING, 'only routers may follow the registry');
}
