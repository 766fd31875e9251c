import { jetstream } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { createWeir } from '@weir/sdk';
import { Redis } from 'ioredis';
import { NAME, type Where } from './spec.ts';

/** Told of each delivery, and of each subscription that broke off and goes on, or does not. */
export interface Ears {
  hear(data: Uint8Array): void;
  broke(): void;
  ended(error: unknown): void;
}

const WEIR_STREAMS_PER_CONNECTION = 50;
const NATS_PER_CONNECTION = 125;

/** Opens one subscription after the other; resolves when all of them are told what comes. */
export async function subscribeAll(where: Where, count: number, ears: Ears): Promise<void> {
  switch (where.kind) {
    case 'weir':
      return await overWeir(where, count, ears);
    case 'redis-streams':
      return await overRedis(where, count, ears);
    case 'nats-jetstream':
      return await overNats(where, count, ears);
    default:
      return where satisfies never;
  }
}

type WhereOf<Kind extends Where['kind']> = Extract<Where, { kind: Kind }>;

async function overWeir({ url, key }: WhereOf<'weir'>, count: number, ears: Ears): Promise<void> {
  const begun: Promise<void>[] = [];
  let weir = createWeir({ url, key });
  for (let at = 0; at < count; at += 1) {
    if (at % WEIR_STREAMS_PER_CONNECTION === 0) weir = createWeir({ url, key });
    const { promise, resolve } = Promise.withResolvers<void>();
    begun.push(promise);
    const onBreak = () => ears.broke();
    const read = async () => {
      const events = weir.subscribe(NAME, { onCursor: () => resolve(), onBreak });
      for await (const { data } of events) ears.hear(data);
    };
    read().catch((error: unknown) => ears.ended(error));
  }
  await Promise.all(begun);
}

/** What XREAD answers with: of each stream its name, and the names and fields of entries. */
type Found = readonly [Buffer, readonly [Buffer, readonly Buffer[]][]][] | null;

/** A connection for each: who waits in XREAD can ask nothing else on it. */
async function overRedis(
  { port }: WhereOf<'redis-streams'>,
  count: number,
  ears: Ears,
): Promise<void> {
  for (let at = 0; at < count; at += 1) {
    const redis = new Redis(port, '127.0.0.1');
    await redis.ping();
    const read = async () => {
      let last: string | Buffer = '$';
      for (;;) {
        const found = (await redis.xreadBuffer('BLOCK', 0, 'STREAMS', NAME, last)) as Found;
        for (const [id, fields] of found?.[0]?.[1] ?? []) {
          last = id;
          if (fields[1]) ears.hear(fields[1]);
        }
      }
    };
    read().catch((error: unknown) => ears.ended(error));
  }
}

/** An ordered consumer each, which has its state in the client. */
async function overNats(
  { port }: WhereOf<'nats-jetstream'>,
  count: number,
  ears: Ears,
): Promise<void> {
  let connection = await connect({ servers: `127.0.0.1:${port}` });
  for (let at = 0; at < count; at += 1) {
    if (at % NATS_PER_CONNECTION === 0) {
      connection = await connect({ servers: `127.0.0.1:${port}` });
    }
    const consumer = await jetstream(connection).consumers.get(NAME, { deliver_policy: 'new' });
    await consumer.consume({ callback: ({ data }) => ears.hear(data) });
  }
}
