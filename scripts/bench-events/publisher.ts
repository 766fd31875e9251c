import { jetstream, jetstreamManager, StorageType } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { createWeir } from '@weir/sdk';
import { Redis } from 'ioredis';
import { NAME, type Where } from './spec.ts';

/** Publishes one event; resolves when it is acknowledged. */
export type Publish = (data: Buffer) => Promise<unknown>;

/** A publisher on one connection. */
export interface Publisher extends AsyncDisposable {
  readonly publish: Publish;
}

/** Opens the publisher of a subject, and the stream where it has to be made. */
export async function openPublisher(where: Where): Promise<Publisher> {
  switch (where.kind) {
    case 'weir': {
      const weir = createWeir({ url: where.url, key: where.key });
      return {
        publish: (data) => weir.publish(NAME, { data }),
        [Symbol.asyncDispose]: async () => weir.close(),
      };
    }
    case 'redis-streams': {
      const redis = new Redis(where.port, '127.0.0.1');
      return {
        publish: (data) => redis.xadd(NAME, '*', 'data', data),
        [Symbol.asyncDispose]: async () => redis.disconnect(),
      };
    }
    case 'nats-jetstream': {
      const connection = await connect({ servers: `127.0.0.1:${where.port}` });
      const manager = await jetstreamManager(connection);
      await manager.streams.add({ name: NAME, subjects: [NAME], storage: StorageType.File });
      const stream = jetstream(connection);
      return {
        publish: (data) => stream.publish(NAME, data),
        [Symbol.asyncDispose]: () => connection.close(),
      };
    }
    default:
      return where satisfies never;
  }
}
