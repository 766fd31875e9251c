import type { DescField, DescMessage, JsonObject } from '@bufbuild/protobuf';
import { ScalarType } from '@bufbuild/protobuf';

/** The JSON Schemas of messages in their proto JSON form, by name. */
export type WireSchemas = Record<string, JsonObject>;

/** What the well-known types of protobuf are in JSON. */
const wellKnown: Readonly<Record<string, JsonObject>> = {
  'google.protobuf.Timestamp': { type: 'string', format: 'date-time' },
  'google.protobuf.Duration': { type: 'string', pattern: '^-?\\d+(\\.\\d+)?s$' },
  'google.protobuf.Struct': { type: 'object' },
};

/** The JSON Schema of a message and of all that it holds; `at` is where they will stand. */
export function wireSchemas(desc: DescMessage, at: string): WireSchemas {
  const schemas: WireSchemas = {};
  const add = (message: DescMessage): void => {
    if (message.name in schemas) return;
    const properties: JsonObject = {};
    schemas[message.name] = { type: 'object', properties };
    for (const field of message.fields) properties[field.jsonName] = ofField(field);
  };
  const ofMessage = (message: DescMessage): JsonObject => {
    const known = wellKnown[message.typeName];
    if (known) return known;
    add(message);
    return { $ref: `${at}/${message.name}` };
  };
  const ofField = (field: DescField): JsonObject => {
    const one = field.message ? ofMessage(field.message) : ofPlain(field);
    switch (field.fieldKind) {
      case 'list':
        return { type: 'array', items: one };
      case 'map':
        return { type: 'object', additionalProperties: one };
      default:
        return one;
    }
  };
  add(desc);
  return schemas;
}

function ofPlain({ enum: values, scalar }: DescField): JsonObject {
  if (values) return { type: 'string', enum: values.values.map(({ name }) => name) };
  switch (scalar) {
    case ScalarType.BOOL:
      return { type: 'boolean' };
    case ScalarType.BYTES:
      return { type: 'string', contentEncoding: 'base64' };
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      return { type: 'number' };
    case ScalarType.UINT32:
    case ScalarType.INT32:
      return { type: 'integer' };
    // Of 64 bits; JSON has no number that holds them.
    case ScalarType.UINT64:
    case ScalarType.INT64:
      return { type: 'string', pattern: '^-?\\d+$' };
    default:
      return { type: 'string' };
  }
}
