export { signInSettings } from './config.ts';
export { type Connector, type ConnectorOptions, openConnector } from './connector.ts';
export type { HeldDefinition } from './review.ts';
export { readStates, stateFileOf, type UpstreamState } from './state-file.ts';
export { idOf, parseUpstreams, type UpstreamConfig, upstreamsVariable } from './upstream-config.ts';
export {
  approveDefinition,
  putUpstream,
  readUpstreams,
  removeUpstream,
  type UpstreamEntry,
} from './upstreams-file.ts';
