export {
  type RegistryConfig,
  readRegistryConfig,
  registryDefaults,
  registrySettings,
} from './config.ts';
export { openRegistry, type Registry, type RegistryDeps } from './registry.ts';
export { dumpNewDatabase } from './store/pglite.ts';
