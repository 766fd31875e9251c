import { runMain } from '@weir/kit';
import { readRegistryConfig } from './config.ts';
import { openRegistry } from './registry.ts';

await runMain(() => openRegistry(readRegistryConfig(process.env)));
