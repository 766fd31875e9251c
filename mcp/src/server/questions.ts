import type { JsonObject } from '@bufbuild/protobuf';
import { InputKind, type InputRequest } from '@weir/sdk/gen/weir/provider/v1/provider_pb';
import { errorCodes, isObject, McpError } from './json-rpc.ts';

/** Something that is asked of the client. */
export interface Question {
  readonly id: string;
  readonly method: string;
  readonly params: JsonObject;
}

/** What a client that declares these capabilities can be asked. */
export function kindsOf(capabilities: JsonObject): InputKind[] {
  const { elicitation, sampling, roots } = capabilities;
  const kinds: InputKind[] = [];
  if (isObject(elicitation)) {
    const { form, url } = elicitation;
    // Before there were addresses to open, forms were all that there was, and nobody said so.
    if (form !== undefined || url === undefined) kinds.push(InputKind.FORM);
    if (url !== undefined) kinds.push(InputKind.URL);
  }
  if (isObject(sampling)) kinds.push(InputKind.SAMPLING);
  if (isObject(roots)) kinds.push(InputKind.ROOTS);
  return kinds;
}

/** A question of an operation, as the protocol asks it. */
export function questionOf({ id, kind, params: bytes }: InputRequest): Question {
  const params = paramsOf(bytes);
  switch (kind) {
    case InputKind.FORM:
      return { id, method: 'elicitation/create', params };
    case InputKind.URL:
      return { id, method: 'elicitation/create', params: { ...params, mode: 'url' } };
    case InputKind.SAMPLING:
      return { id, method: 'sampling/createMessage', params };
    case InputKind.ROOTS:
      return { id, method: 'roots/list', params };
    default:
      throw new McpError(errorCodes.internal, `the tool asks something unknown: ${id}`);
  }
}

/** What a client would have to declare to be asked these: names of kinds, with commas between. */
export function capabilitiesFor(kinds: string): JsonObject {
  const all = kinds.split(',').map((kind) => needs[kind] ?? {});
  const elicitation = Object.assign({}, ...all.map((each) => each.elicitation ?? {})) as JsonObject;
  return {
    ...(Object.assign({}, ...all) as JsonObject),
    ...(Object.keys(elicitation).length > 0 && { elicitation }),
  };
}

const needs: Readonly<Record<string, JsonObject>> = {
  form: { elicitation: { form: {} } },
  url: { elicitation: { url: {} } },
  sampling: { sampling: {} },
  roots: { roots: {} },
};

function paramsOf(bytes: Uint8Array): JsonObject {
  if (bytes.length === 0) return {};
  const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
  return isObject(value) ? value : {};
}
