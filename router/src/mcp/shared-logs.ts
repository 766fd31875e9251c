import { randomUUID } from 'node:crypto';
import { create, type JsonObject } from '@bufbuild/protobuf';
import type { SharedLogs } from '@weir/mcp/server';
import { type Event, EventSchema } from '@weir/sdk/gen/weir/events/v1/events_pb';
import type { EventLog } from '../events/event-log.ts';
import { createSeal, type Seal } from './seal.ts';

/** What one event carries of an entry, and what one request carries: the registry takes 768 KiB. */
const PART_MAX_BYTES = 256 * 1024;
const REQUEST_MAX_BYTES = 512 * 1024;
/** Entries of which not all parts were read yet. */
const OPEN_MAX = 64;

const nothing = new Uint8Array();

/** The logs that routers share for MCP clients: internal ones in the log of events, sealed. */
export function createSharedLogs(events: EventLog, serviceSecret: Uint8Array): SharedLogs {
  const seal = createSeal(serviceSecret, 'weir mcp shared v1');
  return {
    async append(log, entries, signal) {
      for (const some of requestsOf(entries.flatMap((entry) => partsOf(seal, log, entry)))) {
        const request = { tenant: log, publisher: '', idempotencyKey: '', fingerprint: nothing };
        await events.append({ ...request, events: some }, signal);
      }
    },
    async kept(log, signal) {
      const { first, head } = await events.state(log, signal);
      return { after: first - 1n, last: head };
    },
    async *follow(log, after, signal) {
      const join = createJoining();
      let position = after;
      for await (const { events: stored } of events.follow(log, after, signal)) {
        position = stored.at(-1)?.position ?? position;
        const entries = stored.flatMap(({ event }) => {
          const plain = event && seal.open(event.data, placeOf(log, event.key));
          return plain ? join(event.key, plain) : [];
        });
        yield { entries, position };
      }
    },
  };
}

/** The events that carry an entry; each names the entry, its own place in it and how many there are. */
function partsOf(seal: Seal, log: string, entry: JsonObject): Event[] {
  const bytes = Buffer.from(JSON.stringify(entry));
  const count = Math.ceil(bytes.length / PART_MAX_BYTES);
  const name = randomUUID();
  return Array.from({ length: count }, (_, at) => {
    const key = `${name} ${at} ${count}`;
    const part = bytes.subarray(at * PART_MAX_BYTES, (at + 1) * PART_MAX_BYTES);
    return create(EventSchema, { key, data: seal.seal(part, placeOf(log, key)) });
  });
}

function placeOf(log: string, key: string): string {
  return `${log} ${key}`;
}

function requestsOf(parts: readonly Event[]): Event[][] {
  const requests: Event[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const part of parts) {
    bytes += part.data.length;
    const open = requests.at(-1);
    if (open && bytes <= REQUEST_MAX_BYTES) open.push(part);
    else {
      requests.push([part]);
      bytes = part.data.length;
    }
  }
  return requests;
}

/** Makes parts into entries again; those of several writers may lie between each other. */
function createJoining(): (key: string, part: Uint8Array) => JsonObject[] {
  const open = new Map<string, Uint8Array[]>();
  return (key, part) => {
    const [name = '', at, count] = key.split(' ');
    const parts = open.get(name) ?? [];
    // Its beginning is not kept any more.
    if (parts.length !== Number(at)) return [];
    parts.push(part);
    if (parts.length < Number(count)) {
      open.set(name, parts);
      const [oldest] = open.keys();
      if (open.size > OPEN_MAX && oldest !== undefined) open.delete(oldest);
      return [];
    }
    open.delete(name);
    return [JSON.parse(Buffer.concat(parts).toString()) as JsonObject];
  };
}
