import { hostileDocuments } from './hostile-documents.ts';
import { p01 } from './p01-overload.ts';
import { p02 } from './p02-deadlines.ts';
import { p03 } from './p03-no-deadline.ts';
import { p04 } from './p04-drain.ts';
import { p05 } from './p05-rolling.ts';
import { p06 } from './p06-resume.ts';
import { p07 } from './p07-revocation.ts';
import { p08 } from './p08-snapshot.ts';
import { p09 } from './p09-keys.ts';
import { p10 } from './p10-audit.ts';
import { p11 } from './p11-full-disk.ts';
import { p12Events } from './p12-events.ts';
import { p12 } from './p12-writes.ts';
import { p13 } from './p13-bad-neighbour.ts';
import { p14 } from './p14-memory.ts';
import { p15 } from './p15-slow.ts';
import { p17Limits } from './p17-limits.ts';
import { p17 } from './p17-redis.ts';
import { p18 } from './p18-postgres.ts';
import { p19 } from './p19-certificates.ts';
import type { Promised } from './promise.ts';

/** The promises that are times or ratios, in the order of their numbers. */
export const promises: readonly Promised[] = [
  p01,
  p02,
  p03,
  p04,
  p05,
  p06,
  p07,
  p08,
  p10,
  p11,
  p09,
  p12,
  p12Events,
  p13,
  p14,
  p15,
  p17,
  p17Limits,
  p18,
  p19,
  hostileDocuments,
];
