import { expect, it } from 'vitest';
import { openLoad } from './open-load.ts';
import { answerGrpc, freshDigitsOf, jobFor, openHttp2Peer } from './testing.ts';

it('runs one job after the other, with ever fresh keys', async () => {
  const keys: number[] = [];
  await using peer = await openHttp2Peer((stream, body) => {
    keys.push(freshDigitsOf(body));
    answerGrpc(stream);
  });
  await using load = await openLoad({ core: '0' });
  expect(load.pid).toBeGreaterThan(0);
  const first = await load.run(jobFor(peer));
  const second = await load.run(jobFor(peer, { freshFrom: first.freshNext }));
  expect([first.ok, second.ok]).toEqual([40, 40]);
  expect(new Set(keys).size).toBe(80);
  expect(second.freshNext).toBe(80);
});

it('tells that nobody is there, and goes on', async () => {
  const { port } = await closedPeer();
  await using load = await openLoad({ core: undefined });
  await expect(load.run(jobFor({ port }))).rejects.toThrow('load: connection: ECONNREFUSED');
  await using peer = await openHttp2Peer((stream) => answerGrpc(stream));
  expect(await load.run(jobFor(peer))).toMatchObject({ ok: 40 });
});

it('fails when the process ends', async () => {
  await using peer = await openHttp2Peer(() => {});
  await using load = await openLoad({ core: undefined });
  const run = load.run(jobFor(peer));
  setTimeout(() => process.kill(load.pid, 'SIGKILL'), 300);
  await expect(run).rejects.toThrow('the load process has ended: SIGKILL');
});

async function closedPeer(): Promise<{ readonly port: number }> {
  await using peer = await openHttp2Peer(() => {});
  return { port: peer.port };
}
