import type { DescEnum, DescField, DescMessage, JsonObject, JsonValue } from '@bufbuild/protobuf';
import { ScalarType } from '@bufbuild/protobuf';
import type { Located, LocatedField } from './document.ts';
import { durationJson } from './duration.ts';
import { type Fault, type Path, type Position, pathText } from './fault.ts';

/** A document in the proto JSON form of a message. */
export interface Shaped {
  readonly json: JsonObject;
  readonly faults: readonly Fault[];
  /** Where fields and their items stand in the document, by path; the document itself under ''. */
  readonly places: ReadonlyMap<string, Position>;
  /** Where the parts of texts stand, by path; none for texts that aliases stand for. */
  readonly insides: ReadonlyMap<string, (offset: number) => Position>;
  /** The same of what lies within plain data, such as a JSON Schema, which may be very much. */
  readonly placesWithin: ReadonlyMap<string, Position>;
}

const INT32_MAX = 2 ** 31 - 1;
const UINT32_MAX = 2 ** 32 - 1;

/**
 * Brings a document into the proto JSON form of a message: short enum names and durations with
 * other units become the long ones, and everything that the message has no room for is a fault.
 * Paths are spelled with the JSON names of fields, however the document spells them.
 */
export function shapeDocument(desc: DescMessage, root: Located, kind: string): Shaped {
  const { manifest, ...shaped } = createShaper(root.at);
  return { json: manifest(desc, root, kind), ...shaped };
}

function createShaper(start: Position) {
  const faults: Fault[] = [];
  const places = new Map<string, Position>([['', start]]);
  const placesWithin = new Map<string, Position>();
  const insides = new Map<string, (offset: number) => Position>();

  function fault(path: Path, text: string): undefined {
    faults.push({ path, text });
    return undefined;
  }

  function manifest(desc: DescMessage, root: Located, kind: string): JsonObject {
    if (root.kind !== 'map') {
      fault([], `a manifest is a map of fields, such as "kind: ${kind}"`);
      return {};
    }
    const { named, rest } = splitKind(root.fields);
    if (named) {
      places.set('kind', named.value.at);
      const held = named.value.kind === 'scalar' ? named.value.value : undefined;
      if (held !== kind) fault(['kind'], `this call takes manifests of kind ${kind}`);
    }
    return message(desc, rest, []);
  }

  function message(desc: DescMessage, given: readonly LocatedField[], path: Path): JsonObject {
    const json: JsonObject = {};
    const oneofs = new Map<string, string>();
    for (const { name, at, value } of given) {
      const field = desc.fields.find((held) => held.jsonName === name || held.name === name);
      const fieldPath = [...path, field?.jsonName ?? name];
      places.set(pathText(fieldPath), field ? value.at : at);
      if (!field) {
        fault(fieldPath, unknownText(desc, name));
        continue;
      }
      if (field.jsonName in json) fault(fieldPath, 'the field is spelled twice; keep one');
      const other = field.oneof && oneofs.get(field.oneof.name);
      if (other) {
        fault(fieldPath, `only one of ${other} and ${field.jsonName} can be given`);
        continue;
      }
      if (field.oneof) oneofs.set(field.oneof.name, field.jsonName);
      const shaped = fieldValue(field, value, fieldPath);
      if (shaped !== undefined) json[field.jsonName] = shaped;
    }
    return json;
  }

  function fieldValue(field: DescField, value: Located, path: Path): JsonValue | undefined {
    if (value.kind === 'scalar' && value.value === null) return undefined;
    if (field.fieldKind !== 'list') return single(field, value, path);
    if (value.kind !== 'list') return fault(path, 'has to be a list');
    const items = value.items.map((item, index) => {
      const itemPath = [...path, index];
      places.set(pathText(itemPath), item.at);
      // A faulty item keeps its place, so that the paths of later faults stay right.
      return single(field, item, itemPath) ?? emptyOf(field);
    });
    return items;
  }

  function single(field: DescField, value: Located, path: Path): JsonValue | undefined {
    if (field.message) return messageValue(field.message, value, path);
    if (field.enum) return enumValue(field.enum, value, path);
    if (field.fieldKind === 'map' || field.scalar === undefined) {
      throw new Error(`manifests cannot hold the field ${field.toString()}`);
    }
    return scalarValue(field.scalar, value, path);
  }

  function messageValue(desc: DescMessage, value: Located, path: Path): JsonValue | undefined {
    if (desc.typeName === 'google.protobuf.Duration') return duration(value, path);
    if (value.kind !== 'map') return fault(path, 'has to be a map of fields');
    if (desc.typeName === 'google.protobuf.Struct') return plain(value, path);
    return message(desc, value.fields, path);
  }

  function duration(value: Located, path: Path): JsonValue | undefined {
    const text = value.kind === 'scalar' && typeof value.value === 'string' ? value.value : '';
    return durationJson(text) ?? fault(path, 'has to be a duration, such as 60s, 500ms or 5m');
  }

  function enumValue(desc: DescEnum, value: Located, path: Path): JsonValue | undefined {
    const text = value.kind === 'scalar' && typeof value.value === 'string' ? value.value : '';
    const prefix = desc.sharedPrefix?.toUpperCase() ?? '';
    const found = desc.values.find(
      (held) => held.name === text || shortName(held, prefix) === text,
    );
    if (found && found.number !== 0) return found.name;
    const names = desc.values.filter((held) => held.number !== 0);
    return fault(
      path,
      `has to be one of ${names.map((held) => shortName(held, prefix)).join(', ')}`,
    );
  }

  function scalarValue(type: ScalarType, value: Located, path: Path): JsonValue | undefined {
    const held = value.kind === 'scalar' ? value.value : undefined;
    if (value.kind === 'scalar' && value.inside) insides.set(pathText(path), value.inside);
    switch (type) {
      case ScalarType.STRING:
        if (typeof held === 'string') return held;
        return fault(
          path,
          held === undefined || held === null ? 'has to be text' : 'has to be text; quote it',
        );
      case ScalarType.BOOL:
        return typeof held === 'boolean' ? held : fault(path, 'has to be true or false');
      case ScalarType.UINT32:
        return integer(held, { min: 0, max: UINT32_MAX }, path);
      case ScalarType.INT32:
        return integer(held, { min: -INT32_MAX - 1, max: INT32_MAX }, path);
      case ScalarType.UINT64:
        // Proto JSON writes such numbers as text.
        return integer(
          typeof held === 'string' && /^\d{1,16}$/.test(held) ? Number(held) : held,
          { min: 0, max: Number.MAX_SAFE_INTEGER },
          path,
        );
      default:
        throw new Error(`manifests cannot hold fields of type ${ScalarType[type]}`);
    }
  }

  function integer(held: unknown, range: { min: number; max: number }, path: Path) {
    const fits = Number.isInteger(held) && Number(held) >= range.min && Number(held) <= range.max;
    if (fits) return Number(held);
    return fault(path, `has to be a whole number from ${range.min} to ${range.max}`);
  }

  function plain(value: Located, path: Path): JsonValue {
    if (value.kind === 'scalar') return value.value;
    if (value.kind === 'list') return value.items.map((item, i) => placed(item, [...path, i]));
    // fromEntries, unlike assignment, makes even __proto__ a field like any other.
    return Object.fromEntries(
      value.fields.map((field) => [field.name, placed(field.value, [...path, field.name])]),
    );
  }

  function placed(value: Located, path: Path): JsonValue {
    placesWithin.set(pathText(path), value.at);
    return plain(value, path);
  }

  return { faults, places, placesWithin, insides, manifest };
}

/** What stands for a faulty item of a list. */
function emptyOf(field: DescField): JsonValue {
  if (field.message) return {};
  return field.enum ? 0 : '';
}

function splitKind(fields: readonly LocatedField[]) {
  return {
    named: fields.find((field) => field.name === 'kind'),
    rest: fields.filter((field) => field.name !== 'kind'),
  };
}

function shortName(value: { name: string }, prefix: string): string {
  return value.name.slice(prefix.length).toLowerCase().replaceAll('_', '-');
}

function unknownText(desc: DescMessage, name: string): string {
  const names = desc.fields.map((field) => field.jsonName);
  const near = names.find((held) => held.toLowerCase() === name.toLowerCase().replaceAll('-', ''));
  return near
    ? `there is no such field; "${near}" is meant, perhaps`
    : `there is no such field; there are ${names.join(', ')}`;
}
