import type { MethodImpl } from '@connectrpc/connect';
import { callerOf, requireScope } from '@weir/kit';
import type { AuditService } from '@weir/sdk/gen/weir/audit/v1/audit_pb';
import { Scope } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import type { Audit } from '../audit/audit.ts';
import { parseTime } from '../audit/requests.ts';
import { streamed } from '../audit/streamed.ts';
import type { Core } from '../core.ts';

/** Gives out chains with their anchors and, to who administers the platform, their entries. */
export function exportChains(
  { clock }: Core,
  { records, slots }: Audit,
): MethodImpl<typeof AuditService.method.exportChains> {
  return async function* ({ from, to, entries }, context) {
    const caller = callerOf(context);
    requireScope(caller, entries ? Scope.PLATFORM : Scope.ADMIN);
    using _slot = slots.take(caller.tenant);
    const fromMs = parseTime('from', from) ?? 0;
    const toMs = parseTime('to', to) ?? clock.wallMs();
    for await (const part of streamed(records.chains({ fromMs, toMs, entries }))) {
      context.signal.throwIfAborted();
      yield part;
    }
  };
}
