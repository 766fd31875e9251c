export { Code } from '@connectrpc/connect';
export type { CallToolOptions, ToolOutcome, ToolProgress } from './consumer/call.ts';
export type { CallSettings, FetchOptions } from './consumer/fetch.ts';
export type { LinkOptions } from './consumer/follow.ts';
export type { GetOptions } from './consumer/get.ts';
export type {
  CacheStatus,
  ContextItem,
  ItemArrived,
  ItemOutcome,
  ItemRefusal,
  OutcomeBase,
  Provenance,
} from './consumer/item.ts';
export type { EventInput, NewEvent, Published, PublishOptions } from './consumer/publish.ts';
export type { RequeueOptions } from './consumer/requeue.ts';
export type { DeliveredEvent, SubscribeOptions } from './consumer/subscribe.ts';
export { createWeir, type ListOptions, type Weir, type WeirOptions } from './consumer/weir.ts';
export type { WorkEvent, WorkHandler, WorkOptions } from './consumer/work.ts';
export { ItemRefused, type Refusal, reasonName, type Violation, WeirCallError } from './errors.ts';
export type * from './gen/types/context-types.ts';
export { Reason } from './gen/weir/errors/v1/reason_pb.ts';
export type {
  ContextEntry,
  ExplainResponse,
  ListContextResponse,
  ListGap,
} from './gen/weir/router/v1/router_pb.ts';
export { type ContextRef, formatRef, parseRef, type RefInput } from './ref.ts';
export type { Sensitivity } from './sensitivity.ts';
export type { Protocol, TlsOptions } from './transport.ts';
// A star, since TypeScript merges declarations of users only into star exports.
export type * from './types.ts';
export {
  createWebSocketTransport,
  type WebSocketTransport,
  type WebSocketTransportOptions,
} from './websocket/transport.ts';
