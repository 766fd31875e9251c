import { describeEventStore } from './conformance.ts';
import { openEmbedded } from './test-events.ts';
import { describeWatchDuties } from './watch-conformance.ts';

describeEventStore('PGlite', openEmbedded);
describeWatchDuties('PGlite', openEmbedded);
