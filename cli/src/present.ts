import { type DescMessage, type MessageShape, toJson } from '@bufbuild/protobuf';
import type { Screen } from './render/table.ts';
import type { Terminal } from './terminal.ts';

/** An answer in both of its forms. */
export interface Answer<Desc extends DescMessage> {
  readonly schema: Desc;
  readonly message: MessageShape<Desc>;
  /** Renders it for people. */
  render(screen: Screen): string;
}

/** Shows an answer: for programs as the JSON form of its message, for people as rendered. */
export function present<Desc extends DescMessage>(
  terminal: Terminal,
  json: boolean | undefined,
  answer: Answer<Desc>,
): void {
  terminal.out(json ? jsonText(protoJson(answer.schema, answer.message)) : answer.render(terminal));
}

/** The JSON form of a message, with every field that has a value, be it the default. */
export function protoJson<Desc extends DescMessage>(
  schema: Desc,
  message: MessageShape<Desc>,
): unknown {
  return toJson(schema, message, { alwaysEmitImplicit: true });
}

/** A JSON document as it is written out. */
export function jsonText(document: unknown): string {
  return `${JSON.stringify(document, undefined, 2)}\n`;
}
