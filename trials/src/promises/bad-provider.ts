import type { ServerHttp2Stream } from 'node:http2';
import {
  answerHeaders,
  answerOne,
  endWith,
  envelope,
  openWireProvider,
  sendTimes,
} from './bad-subject.ts';

// A bad provider in a process of its own; tells its address to the one that started it.

const garbage = Buffer.from([0, 0, 0, 0, 3, 255, 255, 255]);
const fill = envelope({
  results: [{ index: 9, outcome: { case: 'part', value: { data: Buffer.alloc(64 * 1024) } } }],
});

const kinds: Record<string, (stream: ServerHttp2Stream) => void> = {
  good: (stream) => answerOne(stream),
  silent() {},
  garbage(stream) {
    stream.respond(answerHeaders);
    stream.end(garbage);
  },
  unavailable: (stream) => endWith(stream, '14'),
  flood(stream) {
    stream.respond(answerHeaders);
    sendTimes(stream, fill, Number.POSITIVE_INFINITY);
  },
  slow: (stream) => void setTimeout(() => stream.destroyed || answerOne(stream), 900),
};

const provider = await openWireProvider(kinds[process.argv[2] ?? ''] ?? (() => {}));
process.send?.(provider.url);
