import type { Socket } from 'node:net';
import type { LaneStream } from './lane/lane-stream.ts';

/** What Node keeps of a socket. */
interface Handle {
  readonly writeQueueSize?: number;
}

/** What the system has not taken yet of what was written to a socket, in bytes. */
export function unsentBytes(socket: Socket): number {
  const { writeQueueSize = 0 } = ('_handle' in socket && (socket._handle as Handle)) || {};
  return writeQueueSize;
}

/**
 * Resets a stream, when its connection takes that at once; to be tried again later, for otherwise nothing is
 * done. A reset that has to wait behind what the peer does not read is a trap: when such a peer hangs up, Node
 * (24.21) writes for ever, and the process with all its memory is lost.
 */
export function cutStream(stream: Pick<LaneStream, 'session' | 'close'>, code: number): void {
  const { session } = stream;
  if (session && !session.destroyed && unsentBytes(session.socket) > 0) return;
  stream.close(code);
}
