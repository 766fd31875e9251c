import { compileEngine, hastenLoading } from '@weir/registry/loading';

// Both before all the rest is loaded. Should the engine fail, whoever opens a database is told.
hastenLoading();
compileEngine().catch(() => {});
const { serveRegistry } = await import('./registry-service.ts');

serveRegistry();
