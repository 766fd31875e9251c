import { describeEventStore } from './conformance.ts';
import { openEmbedded } from './test-events.ts';

describeEventStore('PGlite', openEmbedded);
