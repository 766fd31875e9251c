import { brotliDecompress, gunzip } from 'node:zlib';
import { Code, ConnectError } from '@connectrpc/connect';
import { READ_MAX_BYTES } from './frames.ts';

type Done = (error: ConnectError | undefined, bytes: Buffer) => void;

/** Takes a compressed message apart, outside of the event loop; what it becomes is bounded. */
export type Inflate = (bytes: Buffer, done: Done) => void;

const inflaters: Readonly<Record<string, Inflate>> = {
  gzip: (bytes, done) => gunzip(bytes, { maxOutputLength: READ_MAX_BYTES }, tell(done)),
  br: (bytes, done) => brotliDecompress(bytes, { maxOutputLength: READ_MAX_BYTES }, tell(done)),
};

/** What a provider is told that it may use. */
export const acceptedEncodings = Object.keys(inflaters).join(',');

/** Undefined: nobody knows the encoding. */
export function inflaterOf(encoding: string): Inflate | undefined {
  return Object.hasOwn(inflaters, encoding) ? inflaters[encoding] : undefined;
}

function tell(done: Done): (error: Error | null, bytes: Buffer) => void {
  return (error, bytes) => done(error ? errorOf(error) : undefined, bytes);
}

function errorOf(error: NodeJS.ErrnoException): ConnectError {
  const large = error.code === 'ERR_BUFFER_TOO_LARGE';
  const code = large ? Code.ResourceExhausted : Code.InvalidArgument;
  const text = large ? `a message is larger than ${READ_MAX_BYTES} bytes` : 'decompression failed';
  return new ConnectError(text, code, undefined, undefined, error);
}
