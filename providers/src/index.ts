export { type DocsProviderOptions, docsProvider } from './docs/provider.ts';
export { type LogsProviderOptions, logsProvider } from './logs/provider.ts';
export { type MetricsProviderOptions, metricsProvider } from './metrics/provider.ts';
export type { ReadyProvider } from './ready.ts';
export type { Query } from './sql/introspect.ts';
export { type SqlProviderOptions, sqlProvider } from './sql/provider.ts';
