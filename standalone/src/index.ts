export {
  readStandaloneConfig,
  type StandaloneConfig,
  standaloneSettings,
} from './config.ts';
export { runStandalone } from './run.ts';
export { openStandalone, type Standalone } from './standalone.ts';
