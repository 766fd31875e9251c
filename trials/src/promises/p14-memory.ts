import { readFile, writeFile } from 'node:fs/promises';
import type { ServerHttp2Stream } from 'node:http2';
import {
  answerHeaders,
  answerOne,
  envelope,
  openSubject,
  openWireProvider,
  type Subject,
  sendTimes,
} from './bad-subject.ts';
import type { Measured, Promised } from './promise.ts';

const MIB = 1024 * 1024;
const BODY_MIB = 100;
/** The default; below it, what V8 lets die before it collects is more than the limit itself. */
const PROMISED_FROM_MIB = 64;
const WARM_UP_CALLS = 200;

const payload = Buffer.alloc(MIB, 1);
const value = { index: 0, outcome: { case: 'content' as const, value: { payload } } };
const elsewhere = { ...value, index: 7 };
const part = { index: 0, outcome: { case: 'part' as const, value: { data: payload } } };
const begun = {
  ...value,
  outcome: { case: 'content' as const, value: { payload, totalBytes: 1n << 30n } },
};

/** Ways to send a hundred megabytes where one value was asked for. */
const bodies: Record<string, (stream: ServerHttp2Stream) => void> = {
  'one message': (stream) => {
    const head = Buffer.alloc(5);
    head.writeUInt32BE(BODY_MIB * MIB, 1);
    stream.write(head);
    sendTimes(stream, payload, BODY_MIB);
  },
  'values that nobody asked for': (stream) =>
    sendTimes(stream, envelope({ results: [elsewhere] }), BODY_MIB),
  'a value in parts': (stream) => {
    stream.write(envelope({ results: [begun] }));
    sendTimes(stream, envelope({ results: [part] }), BODY_MIB);
  },
};

/** The peak of the router's memory over the time before, while such an answer comes. */
export const p14: Promised = {
  id: 'P14',
  says: 'a body of 100 MB from a provider raises memory by less than twice its limit',
  async measure(signal) {
    await using subject = await openSubject();
    const figures: Measured[] = [];
    for (const limitMib of [16, 64]) {
      for (const [name, send] of Object.entries(bodies)) {
        figures.push(await rise(subject, { name, send, limitMib }, signal));
      }
    }
    return figures;
  },
};

async function rise(
  { introduce, router, weir }: Subject,
  {
    name,
    send,
    limitMib,
  }: { name: string; send: (stream: ServerHttp2Stream) => void; limitMib: number },
  signal: AbortSignal,
): Promise<Measured> {
  let warm = false;
  await using provider = await openWireProvider((stream) => {
    if (!warm) return answerOne(stream);
    stream.respond(answerHeaders);
    send(stream);
  });
  const limits = `timeout: 60s\nlimits: { responseBytes: ${limitMib * MIB} }`;
  const type = await introduce(provider.url, limits);
  const fetch = async (key: string) => {
    const answer = await router.fetchContext(
      { refs: [{ type, key }] },
      { signal, timeoutMs: 60_000 },
    );
    return answer.results[0]?.outcome.case;
  };
  for (let i = 0; i < WARM_UP_CALLS; i++) await fetch(`warm${i}`);
  warm = true;
  // "5" makes the present size the peak.
  await writeFile(`/proc/${weir.pid}/clear_refs`, '5');
  const before = await memoryOf(weir.pid, 'VmRSS');
  const outcome = await fetch('large');
  const peak = await memoryOf(weir.pid, 'VmHWM');
  const figure = `rise for ${BODY_MIB} MiB as ${name}, limit ${limitMib} MiB (${outcome})`;
  const risen = { figure, value: (peak - before) / MIB, unit: 'MiB' as const };
  return limitMib < PROMISED_FROM_MIB ? risen : { ...risen, limit: 2 * limitMib };
}

async function memoryOf(pid: number, field: 'VmRSS' | 'VmHWM'): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(status)?.[1]) * 1024;
}
