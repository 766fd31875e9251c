import { Code, reasonName, WeirCallError } from '@weir/sdk';
import type { Refusal } from '@weir/sdk/gen/weir/context/v1/context_pb';
import type { Refused } from './record.ts';

/** Why a call failed, as the record has it. */
export function refusedCall(error: unknown): Refused {
  if (!(error instanceof WeirCallError)) {
    return { code: 'Unknown', reason: 'UNSPECIFIED', text: String(error) };
  }
  const { code, reason, text } = error;
  return { code: Code[code] ?? `${code}`, reason: reasonName(reason), text };
}

/** Why an item was refused, as the record has it. */
export function refusedItem({ code, reason, text }: Refusal): Refused {
  return { code: Code[code] ?? `${code}`, reason: reasonName(reason), text };
}
