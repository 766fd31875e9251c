import { runMain } from '@weir/kit';
import { readConnectorConfig } from './config.ts';
import { openConnectorProcess } from './process.ts';

await runMain(() => openConnectorProcess(readConnectorConfig(process.env)));
