import { runMain } from '@weir/kit';
import { readRouterConfig } from './config.ts';
import { openRouter } from './router.ts';

await runMain(() => openRouter(readRouterConfig(process.env)));
