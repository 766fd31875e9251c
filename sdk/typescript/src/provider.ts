export { Code } from '@connectrpc/connect';
export type { EventInput, NewEvent } from './consumer/publish.ts';
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
  type CompletionQuery,
  type ContextDefinition,
  type ContextQuery,
  type ContextSpec,
  type ContextValue,
  defineContext,
  type FetchAnswer,
  type JsonSchema,
  type KeyTemplateSpec,
  type ListEntry,
  type ListPage,
  type ListQuery,
  type NotModified,
  notModified,
  type Suggest,
  type Suggestions,
} from './provider/context.ts';
export {
  defineProvider,
  manifestOf,
  type ProviderDefinition,
  type ProviderLimits,
  type ProviderSpec,
} from './provider/definition.ts';
export {
  defineOperation,
  type InputKind,
  type InputRequest,
  type InputRequired,
  inputRequired,
  type OperationCall,
  type OperationDefinition,
  type OperationSpec,
  type Severity,
  type ToolContent,
  toolContent,
} from './provider/operation.ts';
export { ProviderError, type ProviderErrorOptions } from './provider/provider-error.ts';
export type { ProviderEvent } from './provider/registration.ts';
export { type RunningProvider, type ServeOptions, serveProvider } from './provider/serve.ts';
export type { TopicData, TopicSpec } from './provider/topic.ts';
export type { Watched, WatchQuery } from './provider/watch.ts';
export type { Sensitivity } from './sensitivity.ts';
