import { type ClientHttp2Session, connect, type IncomingHttpHeaders } from 'node:http2';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LoadResult, LoadSpec } from './load.ts';

// A process of its own, so that what it measures is not its own delay. With a rate, calls are
// begun when they are due, whatever became of those before, and their time counts from then.

const startDelayMs = 200;
const settleMs = 12_000;

process.once('message', (spec: LoadSpec) => {
  void run(spec).then((result) => process.send?.(result, () => process.disconnect()));
});

async function run(spec: LoadSpec): Promise<LoadResult> {
  const sessions = await Promise.all(
    Array.from({ length: spec.connections }, () => openSession(spec.url)),
  );
  const result: LoadResult = { okMs: [], refusedMs: [], lateToSendMs: [], others: {} };
  const body = Buffer.from(spec.body, 'base64');
  let begun = 0;
  let open = 0;
  const begin = (dueMs: number) => {
    const session = sessions[begun % sessions.length] as ClientHttp2Session;
    begun += 1;
    open += 1;
    call(session, spec, body, (how) => {
      open -= 1;
      const tookMs = performance.now() - dueMs;
      if (how === 'ok') result.okMs.push(tookMs);
      else if (how === 'refused') result.refusedMs.push(tookMs);
      else result.others[how] = (result.others[how] ?? 0) + 1;
    });
  };
  const startMs = performance.now() + startDelayMs;
  const endMs = startMs + spec.durationMs;
  await sleep(startDelayMs);
  if (spec.load.kind === 'rate') {
    const { perSecond } = spec.load;
    for (let dueMs = startMs; dueMs < endMs; ) {
      for (const nowMs = performance.now(); dueMs <= nowMs && dueMs < endMs; ) {
        result.lateToSendMs.push(nowMs - dueMs);
        begin(dueMs);
        dueMs = startMs + (begun * 1000) / perSecond;
      }
      await sleep(1);
    }
  } else {
    while (performance.now() < endMs) {
      while (open < spec.load.calls) begin(performance.now());
      await new Promise(setImmediate);
    }
  }
  for (const end = performance.now() + settleMs; open > 0 && performance.now() < end; ) {
    await sleep(5);
  }
  if (open > 0) result.others['no answer'] = open;
  for (const session of sessions) session.destroy();
  return result;
}

async function openSession(url: string): Promise<ClientHttp2Session> {
  const session = connect(url, { settings: { initialWindowSize: 4 * 1024 * 1024 } });
  session.on('error', () => {});
  await new Promise<void>((resolve) => session.once('remoteSettings', () => resolve()));
  session.setLocalWindowSize(16 * 1024 * 1024);
  return session;
}

type How = 'ok' | 'refused' | (string & {});

function call(
  session: ClientHttp2Session,
  spec: LoadSpec,
  body: Buffer,
  done: (how: How) => void,
): void {
  if (session.destroyed || session.closed) {
    done('connection lost');
    return;
  }
  const stream = session.request({
    ':method': 'POST',
    ':path': spec.path,
    'content-type': 'application/grpc',
    'grpc-timeout': '10S',
    authorization: `Bearer ${spec.key}`,
    te: 'trailers',
  });
  let status: string | undefined;
  let bytes = 0;
  const read = (headers: IncomingHttpHeaders) => {
    const found = headers['grpc-status'];
    if (found !== undefined) status = String(found);
    if (status === '14' && headers['grpc-status-details-bin'] === undefined) status = '14 bare';
  };
  stream.on('response', read);
  stream.on('trailers', read);
  stream.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
  });
  stream.on('error', () => {});
  stream.on('close', () => {
    if (status === '0') done(bytes > 0 ? 'ok' : 'empty');
    else done(status === '14' ? 'refused' : `status ${status}`);
  });
  stream.end(body);
}
