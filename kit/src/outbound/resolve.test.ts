import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createResolve } from './resolve.ts';

/** A name server that knows a name, denies others, and says nothing of what begins with "slow". */
async function openNameServer() {
  const socket = createSocket('udp4');
  const asked: string[] = [];
  socket.on('message', (query, { port, address }) => {
    const { name, end } = readName(query);
    asked.push(name);
    if (name.startsWith('slow')) return;
    const isA = query.readUInt16BE(end) === 1;
    const known = name === 'good.example' && isA;
    const head = Buffer.from(query.subarray(0, end + 4));
    // An answer, to what was asked, with so many addresses, or none of that name (RFC 1035, 4.1.1).
    head.writeUInt16BE(name.endsWith('good.example') ? 0x8180 : 0x8183, 2);
    for (const [at, count] of [1, known ? 1 : 0, 0, 0].entries()) {
      head.writeUInt16BE(count, 4 + at * 2);
    }
    const record = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 7]);
    socket.send(known ? Buffer.concat([head, record]) : head, port, address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return { asked, address: `127.0.0.1:${socket.address().port}`, close: () => socket.close() };
}

function readName(query: Buffer): { name: string; end: number } {
  const labels: string[] = [];
  let at = 12;
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length));
    at += length + 1;
  }
  return { name: labels.join('.').toLowerCase(), end: at + 1 };
}

let folder: string;
let server: Awaited<ReturnType<typeof openNameServer>>;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'weir-names-'));
  server = await openNameServer();
});
afterAll(async () => {
  server.close();
  await rm(folder, { recursive: true });
});

const given = { address: '10.9.9.9', family: 4 };
const resolving = (system = async () => [given]) =>
  createResolve({ servers: [server.address], hostsFile: join(folder, 'hosts'), system });

it('names are looked for in the file of hosts, at the name servers, and as the system does', async () => {
  await writeFile(
    join(folder, 'hosts'),
    '# own\n192.0.2.1 own.example other # x\nfd00::1 own.example\n',
  );
  const resolve = resolving();
  expect(await resolve('own.example')).toEqual([
    { address: '192.0.2.1', family: 4 },
    { address: 'fd00::1', family: 6 },
  ]);
  expect(server.asked).toEqual([]);
  expect(await resolve('good.example')).toEqual([{ address: '192.0.2.7', family: 4 }]);
  expect(await resolve('short')).toEqual([given]);
});

it('names whose servers never answer keep no other waiting, and end by themselves', async () => {
  const resolve = resolving();
  const slow = Array.from({ length: 20 }, (_, i) => resolve(`slow${i}.example`));
  const ends = Promise.allSettled(slow);
  const first = await Promise.race([ends.then(() => 'slow'), resolve('good.example')]);
  expect(first).toEqual([{ address: '192.0.2.7', family: 4 }]);
  expect(new Set((await ends).map(({ status }) => status))).toEqual(new Set(['rejected']));
}, 20_000);

it('the system is asked for one name at a time', async () => {
  const open: (() => void)[] = [];
  const resolve = resolving(async () => {
    await new Promise<void>((done) => open.push(done));
    return [given];
  });
  const all = ['one', 'two', 'three'].map((name) => resolve(name));
  for (let answered = 0; answered < 3; answered += 1) {
    await expect.poll(() => open.length).toBe(answered + 1);
    open[answered]?.();
  }
  expect(await Promise.all(all)).toEqual([[given], [given], [given]]);
});
