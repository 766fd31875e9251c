import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { FetchResultSchema } from '@weir/sdk/gen/weir/provider/v1/provider_pb';
import { expect, test } from 'vitest';
import { openBlobServer } from '../../test/blob-server.ts';
import { type ArrivalLimits, MAX_ASSEMBLED_BYTES, openArrivals } from './arrivals.ts';
import { MAX_PAYLOAD_BYTES } from './land.ts';

const MIB = 1024 * 1024;
const limits: ArrivalLimits = {
  tenant: 'acme',
  provider: 'docs',
  blobs: undefined,
  maxBytes: 10 * MIB,
};

type Outcome = MessageInitShape<typeof FetchResultSchema>['outcome'];
const result = (index: number, outcome: NonNullable<Outcome>) =>
  create(FetchResultSchema, { index, outcome });
const begin = (index: number, totalBytes: number, payload = new Uint8Array(0)) =>
  result(index, { case: 'content', value: { totalBytes: BigInt(totalBytes), payload } });
const part = (index: number, sizeBytes: number) =>
  result(index, { case: 'part', value: { data: new Uint8Array(sizeBytes) } });
const refused = (reason: Reason) => expect.objectContaining({ reason });

test('values that are put together in memory are bounded over all of an answer', async () => {
  await using arrivals = openArrivals(limits);
  const most = Math.floor(MAX_ASSEMBLED_BYTES / MAX_PAYLOAD_BYTES);
  const nearly = new Uint8Array(MAX_PAYLOAD_BYTES - 1);
  for (let i = 0; i < most; i++) {
    expect(await arrivals.take(begin(i, MAX_PAYLOAD_BYTES, nearly))).toBeUndefined();
  }
  const beyond = async () => arrivals.take(begin(most, MAX_PAYLOAD_BYTES, nearly));
  await expect(beyond()).rejects.toEqual(refused(Reason.PROVIDER_GARBAGE));
  expect(await arrivals.take(part(0, 1))).toBeDefined();
  expect(await beyond()).toBeUndefined();
});

test('the parts of one answer are bounded, wanted or not', async () => {
  await using arrivals = openArrivals(limits);
  for (let i = 0; i < 10; i++) arrivals.count(part(7, MIB));
  expect(() => arrivals.count(part(7, 1))).toThrow(
    'the answer of provider docs holds over 10485760 bytes of large values; ask for them in smaller batches',
  );
});

test('without a store, values that are too large to carry are refused', async () => {
  await using arrivals = openArrivals(limits);
  const large = async () => arrivals.take(begin(0, MAX_PAYLOAD_BYTES + 1));
  await expect(large()).rejects.toEqual(refused(Reason.ITEM_TOO_LARGE));
});

test('a value on its way into the store holds up no other, and is forgotten when left', async () => {
  await using weir = await openBlobServer();
  {
    await using arrivals = openArrivals({ ...limits, blobs: weir.store });
    expect(await arrivals.take(begin(0, 5 * MIB))).toBeUndefined();
    expect(await arrivals.take(begin(1, 3, Buffer.from('abc')))).toMatchObject({
      arrived: { result: { index: 1 } },
    });
    expect(await weir.files()).toHaveLength(1);
  }
  expect(await weir.files()).toEqual([]);
});
