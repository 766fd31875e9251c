export { Code } from '@connectrpc/connect';
export type { ProviderManifest } from './gen/weir/registry/v1/resources_pb.ts';
export type {
  Cleaner,
  CleanerFields,
  DateCleaner,
  EncodingCleaner,
  NullCleaner,
  SchemaCheck,
  UnitCleaner,
  WhitespaceCleaner,
} from './provider/cleaner.ts';
export {
  type Caller,
  type ContextDefinition,
  type ContextQuery,
  type ContextSpec,
  type ContextValue,
  defineContext,
  type FetchAnswer,
  type JsonSchema,
  type ListEntry,
  type ListPage,
  type ListQuery,
  type NotModified,
  notModified,
} from './provider/context.ts';
export {
  defineProvider,
  manifestOf,
  type ProviderDefinition,
  type ProviderLimits,
  type ProviderSpec,
} from './provider/definition.ts';
export { ProviderError, type ProviderErrorOptions } from './provider/provider-error.ts';
export type { ProviderEvent } from './provider/registration.ts';
export { type RunningProvider, type ServeOptions, serveProvider } from './provider/serve.ts';
export type { TopicData, TopicSpec } from './provider/topic.ts';
export type { Sensitivity } from './sensitivity.ts';
