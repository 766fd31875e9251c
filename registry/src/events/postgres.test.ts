import { describe } from 'vitest';
import { describeEventStore } from './conformance.ts';
import { openOnServer } from './test-events.ts';
import { describeWatchDuties } from './watch-conformance.ts';

const url = process.env.WEIR_TEST_DATABASE_URL;

if (url) {
  describeEventStore('PostgreSQL', () => openOnServer(url));
  describeWatchDuties('PostgreSQL', () => openOnServer(url));
} else describe.skip('logs of events on PostgreSQL (WEIR_TEST_DATABASE_URL is not set)', () => {});
