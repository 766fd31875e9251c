import type { Traffic } from '../model.ts';
import type { Call } from './calls.ts';
import { byteAt } from './frames.ts';
import { grpcPrefixBytes } from './requests.ts';
import type { Verdict } from './verdicts.ts';

/** What a call refused for overload is called, whatever the protocol. */
export const refusedFault = 'grpc-status 14';
const unavailable = 14;

/** How an answer ended. '': well, as far as its frame goes. */
export interface Judgement {
  readonly fault: string;
  /** Refused for overload, without a message. */
  readonly refused: boolean;
}

/** Tells whether an answer is whole and good; `trailers`: the block it ended with, if any. */
export type Judge = (call: Call, trailers: Verdict | undefined) => Judgement;

/** The judge of a protocol. */
export function judgeOf(protocol: Traffic['protocol']): Judge {
  return protocol === 'grpc' ? judgeGrpc : judgeConnect;
}

const good: Judgement = { fault: '', refused: false };
const refused: Judgement = { fault: refusedFault, refused: true };

function judgeGrpc(call: Call, trailers: Verdict | undefined): Judgement {
  const status = (call.head ?? trailers)?.status;
  if (status !== 200) return bad(`http ${status}`);
  if (trailers === undefined) return bad('no trailers');
  const { grpcStatus } = trailers;
  if (grpcStatus === undefined) return bad('no grpc-status');
  if (grpcStatus === unavailable && call.head === undefined) {
    return trailers.hasDetails ? refused : bad(`${refusedFault} without details`);
  }
  if (grpcStatus !== 0) return bad(`grpc-status ${grpcStatus}`);
  if (call.gotBytes === 0) return bad('no message');
  if (call.prefixFlags !== 0) return bad('compressed message');
  const whole = call.gotBytes === grpcPrefixBytes + call.messageBytes;
  return whole ? good : bad('message of another length than announced');
}

function judgeConnect(call: Call, trailers: Verdict | undefined): Judgement {
  const status = (call.head ?? trailers)?.status;
  if (status === 200) return good;
  return status === 503 ? refused : bad(`http ${status}`);
}

function bad(fault: string): Judgement {
  return { fault, refused: false };
}

/** Counts a part of an answer, and reads the length that its first five bytes announce. */
export function countData(call: Call, bytes: Uint8Array, from: number, to: number): void {
  let at = from;
  for (; call.gotBytes < grpcPrefixBytes && at < to; at++, call.gotBytes++) {
    if (call.gotBytes === 0) call.prefixFlags = byteAt(bytes, at);
    else call.messageBytes = call.messageBytes * 0x100 + byteAt(bytes, at);
  }
  call.gotBytes += to - at;
}
