import { codeOf } from '@weir/kit';
import { CacheStatus } from '@weir/sdk/gen/weir/context/v1/context_pb';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import type { Event } from '@weir/sdk/gen/weir/events/v1/events_pb';
import type { RecordedItem } from '../audit/recorded.ts';
import type { Authority } from '../authorise.ts';

/** What policy says of publishing an event, and what is recorded of it. */
export interface PublishDecision {
  readonly mayBe: boolean;
  readonly item: RecordedItem;
}

/** Decides whether an event may be published by the caller of the authority, in its tenant. */
export function decidePublish(authority: Authority, tenant: string, event: Event): PublishDecision {
  const { topic, key, sensitivity, labels, owner, data } = event;
  const facts = { sensitivity, labels, owner };
  const { effect, rules } = authority
    .access('publish', topic)
    .decide({ tenant, name: '' }, key, facts);
  const mayBe = effect === 'allow';
  const reason = mayBe ? Reason.UNSPECIFIED : Reason.DENIED;
  return {
    mayBe,
    item: {
      kind: {
        ...{ action: 'publish', type: topic, effect: mayBe ? 'allow' : 'deny', rules, facts },
        ...{ redactions: [], code: mayBe ? 0 : codeOf(reason), reason },
        ...{ cache: CacheStatus.UNSPECIFIED, known: true },
      },
      key,
      bytes: mayBe ? data.length : 0,
    },
  };
}
