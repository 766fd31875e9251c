import { createServer, type ServerHttp2Stream } from 'node:http2';
import { answerBytes } from '../../values.ts';
import { answerGrpc, framed, http2Options, ignore, listen } from '../http2.ts';
import { announce, readTask } from '../task.ts';

// The floor: reads the body to its end and answers with bytes made beforehand; nothing else.

const { refs, valueBytes } = readTask();
const answer = framed(answerBytes(refs, valueBytes));

function onEnd(this: ServerHttp2Stream): void {
  answerGrpc(this, answer);
}

const server = createServer(http2Options);
server.on('stream', (stream) => {
  stream.on('error', ignore);
  stream.once('end', onEnd);
  stream.resume();
});
announce(await listen(server));
