import { type DescMessage, fromBinary, type MessageShape } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import { type CallResponse, CallResponseSchema } from '@weir/sdk/gen/weir/provider/v1/provider_pb';
import type { ProviderVersion } from '../snapshot/catalogue.ts';
import { type AnswerGuard, flood, tooLarge, understood } from './answer-guard.ts';

/** Progress and messages of one call; who says more is cut off. */
const CALL_MESSAGES_MAX = 10_000;

/** Reads what comes of a call, up to the message that it ends with. */
export function createCallGuard(provider: ProviderVersion): AnswerGuard<CallResponse> {
  let messages = 0;
  let bytes = 0;
  const guard = {
    complete: false,
    decode(message: Buffer) {
      messages++;
      bytes += message.length;
      if (messages > CALL_MESSAGES_MAX) throw flood(provider, `over ${CALL_MESSAGES_MAX} messages`);
      if (bytes > provider.limits.responseBytes) throw tooLarge(provider);
      return understood(() => {
        const response = fromBinary(CallResponseSchema, message, { readUnknownFields: false });
        const { case: kind } = response.message;
        guard.complete ||= kind !== 'progress' && kind !== 'log' && kind !== undefined;
        return response;
      });
    },
  };
  return guard;
}

/** Reads an answer that is one message. */
export function createMessageGuard<Desc extends DescMessage>(
  schema: Desc,
): AnswerGuard<MessageShape<Desc>> {
  const guard = {
    complete: false,
    decode(bytes: Buffer) {
      if (guard.complete) {
        const text = 'protocol error: received extra output message for unary method';
        throw new ConnectError(text, Code.Unimplemented);
      }
      guard.complete = true;
      return understood(() => fromBinary(schema, bytes, { readUnknownFields: false }));
    },
  };
  return guard;
}
