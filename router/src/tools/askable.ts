import { refuse } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import {
  type InputKind,
  InputKindSchema,
  type InputRequired,
} from '@weir/sdk/gen/weir/provider/v1/provider_pb';
import type { CallToolRequest } from '@weir/sdk/gen/weir/tools/v1/tools_pb';
import type { KnownTool } from './tools.ts';

/** What a call can be asked: what its caller says, unless the group asks nothing. */
export function askableIn({ group }: KnownTool, { canAsk }: CallToolRequest): readonly InputKind[] {
  return group?.without?.questions ? [] : canAsk;
}

/** Throws CANNOT_BE_ASKED where the caller would get a question that it has no answer to. */
export function requireAskable({ requests }: InputRequired, canAsk: readonly InputKind[]): void {
  const missing = new Set(
    requests.map(({ kind }) => kind).filter((kind) => !canAsk.includes(kind)),
  );
  if (missing.size === 0) return;
  const needs = [...missing].map((kind) => nameOf(kind)).join(',');
  const text = `the tool has to ask (${needs}), and the call does not say that it can be asked`;
  throw refuse(Reason.CANNOT_BE_ASKED, text, { metadata: { needs } });
}

function nameOf(kind: InputKind): string {
  return InputKindSchema.value[kind]?.localName.toLowerCase() ?? 'unknown';
}
