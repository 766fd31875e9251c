import { type Timestamp, timestampMs } from '@bufbuild/protobuf/wkt';
import { parseLine } from '../fields.ts';
import { malformed } from '../refusals.ts';
import type { CallFilter } from './call-store.ts';

const SINCE_MAX_MS = Date.UTC(9999, 11, 31);

/** What a request may say of which calls it is about. */
interface Asked {
  readonly group: string;
  readonly tool: string;
  readonly principal?: string;
  readonly onlyFailed?: boolean;
  readonly since?: Timestamp | undefined;
}

/** Reads which calls are wanted. Throws MALFORMED_REQUEST naming the field. */
export function parseCallFilter(asked: Asked): CallFilter {
  const { group, tool, principal = '', onlyFailed = false, since } = asked;
  return {
    group: parseLine('group', group),
    tool: parseTool(tool),
    principal: parseLine('principal', principal),
    onlyFailed,
    sinceMs: since && parseSince(since),
  };
}

const TOOL_CHARS_MAX = 256;

/** It is longer than a line may be. */
function parseTool(tool: string): string {
  if (tool.length <= TOOL_CHARS_MAX && !/\p{Cc}/u.test(tool)) return tool;
  throw malformed('tool', `is no tool; give its name, of at most ${TOOL_CHARS_MAX} characters`);
}

function parseSince(since: Timestamp): number {
  const ms = timestampMs(since);
  if (ms >= 0 && ms <= SINCE_MAX_MS) return ms;
  throw malformed('since', 'is before 1970 or after the year 9999; give another time, or none');
}
