import { create } from '@bufbuild/protobuf';
import { refuse } from '@weir/kit';
import type { Redactor, Verdict } from '@weir/policy';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import {
  type InputRequest,
  InputRequestSchema,
  type LogMessage,
  LogMessageSchema,
  type Progress,
  ProgressSchema,
} from '@weir/sdk/gen/weir/provider/v1/provider_pb';
import type { Redactions } from '../redactions.ts';
import type { ToolOffer } from './tool-offers.ts';

// What is told of a call beside its result. It may quote what obligations hide of the result: where
// fields are hidden, nobody can find them in it, and it is left out.

/** What hides parts of what is told; undefined: nothing is to be hidden. */
export function tellingBy(
  redactions: Redactions,
  { obligations }: Verdict,
  { result: offer }: ToolOffer,
  tenant: string,
): Redactor | undefined {
  return obligations.changesValues
    ? redactions.redactor({ obligations, offer, tenant })
    : undefined;
}

/** A text as it may be told; empty where it may not. */
export function textTold(text: string, by: Redactor | undefined): string {
  if (!by) return text;
  return by.hidesFields ? '' : by.text(text);
}

/** How far the tool is. */
export function progressTold(progress: Progress, by: Redactor | undefined): Progress {
  return by ? create(ProgressSchema, { ...progress, text: textTold(progress.text, by) }) : progress;
}

/** What the tool says of itself; undefined: it may not be told. */
export function logTold(message: LogMessage, by: Redactor | undefined): LogMessage | undefined {
  if (!by) return message;
  const data = jsonTold(message.data, by);
  return data && create(LogMessageSchema, { ...message, logger: by.text(message.logger), data });
}

/** What the tool asks. Throws NOT_REDACTABLE where it may not be told. */
export function questionTold(request: InputRequest, by: Redactor | undefined): InputRequest {
  if (!by) return request;
  const params = jsonTold(request.params, by);
  if (params) return create(InputRequestSchema, { ...request, params });
  const text = 'the policy has parts of the result hidden, and the tool asks what may quote them';
  throw refuse(Reason.NOT_REDACTABLE, text);
}

function jsonTold(bytes: Uint8Array, by: Redactor): Uint8Array | undefined {
  return by.hidesFields ? undefined : by.value(bytes, 'application/json')?.payload;
}
