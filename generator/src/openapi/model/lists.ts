import type { JsonSchema } from '@weir/sdk/provider';
import { wordsOf } from '../../suggest/words.ts';
import { objectOf, pointerTo } from '../read/json.ts';
import type { RequestSpec } from '../runtime/request.ts';
import { endpointName } from './endpoints.ts';
import {
  type ContextReader,
  type Judged,
  keyParametersOf,
  lastWord,
  type ReadEndpoint,
} from './judge.ts';
import { membersOf } from './look.ts';
import type { ListModel } from './model.ts';
import { singularLast } from './names.ts';
import { paginationOf } from './pagination.ts';
import { argumentOf } from './requests.ts';
import type { Schemas } from './schemas.ts';

/** How the items of a context are listed; undefined: no member of an element is known to be its key. */
export function listOf(
  reader: ContextReader,
  item: ReadEndpoint,
  { read, element, items }: Extract<Judged, { kind: 'list' }>,
): ListModel | undefined {
  const { definitions } = reader.answers;
  const parents = keyParametersOf(read.endpoint);
  const own = keyParametersOf(item.endpoint).slice(parents.length);
  const members = membersOf(element, definitions);
  const keyFields = own.map((name) => keyField(name, own.length, members, item.endpoint.path));
  if (keyFields.some((field) => field === undefined)) {
    const text = `cannot be listed: which member of an element is {${own.join('}, {')}} is not known`;
    reader.notes.push({ place: endpointName(item.endpoint), text });
    return undefined;
  }
  const top = read.schema ? pointersOf(read.schema, definitions) : new Map();
  const headers = objectOf(read.endpoint.answer?.value.headers);
  const hasLink = Object.keys(headers).some((name) => name.toLowerCase() === 'link');
  const shape = { arguments: read.request.arguments, members: top, hasLink };
  const { pagination, pageSize, switchedOnBy, reason } = paginationOf(shape);
  const search = read.request.arguments.find(
    ({ where, parameter }) =>
      where === 'query' && /^(?:q|query|search|search_term)$/i.test(parameter),
  );
  const named = (...names: string[]) => names.find((name) => members.has(name));
  const titleField = named(
    'name',
    'title',
    'displayName',
    'display_name',
    'friendly_name',
    'label',
    'subject',
    'summary',
  );
  const summaryField = named('description', 'summary');
  return {
    reason,
    spec: {
      request: switchedOn(read.request.spec, switchedOnBy),
      items,
      keyFields: keyFields.filter((field) => field !== undefined),
      parents: parents.map((name) => argumentOf(read.request, name)),
      pagination,
      ...(pageSize && { pageSize }),
      ...(search && { searchParameter: search.name }),
      ...(titleField && { titleField }),
      ...(summaryField && summaryField !== titleField && { summaryField }),
    },
  };
}

function switchedOn(spec: RequestSpec, name: string | undefined): RequestSpec {
  const parameters = spec.parameters.map((each) =>
    each.name === name ? { ...each, value: true } : each,
  );
  return { ...spec, parameters };
}

/** The member of an element that a parameter of the item's path stands for. */
function keyField(
  parameter: string,
  count: number,
  members: ReadonlyMap<string, JsonSchema>,
  path: string,
): string | undefined {
  const words = wordsOf(parameter).join(' ');
  const byName = [...members.keys()].find((name) => wordsOf(name).join(' ') === words);
  if (byName !== undefined || count > 1) return byName;
  // `{pet_id}` of `/pets` is the `id` of a pet.
  const resource = wordsOf(singularLast(lastWord(path)));
  const rest = wordsOf(parameter)
    .filter((word) => !resource.includes(word))
    .join(' ');
  const byRest = [...members.keys()].find((name) => wordsOf(name).join(' ') === rest);
  if (byRest !== undefined) return byRest;
  const suffix = wordsOf(parameter).at(-1) ?? '';
  const usual = [suffix, 'id', 'sid', 'uuid', 'key', 'slug', 'name'];
  return usual.find((name) => members.has(name));
}

/** Texts of an answer in its first three levels, by JSON Pointer, the upper ones first. */
function pointersOf(
  schema: JsonSchema,
  definitions: Schemas['definitions'],
): Map<string, JsonSchema> {
  const found = new Map<string, JsonSchema>();
  let level: [string, JsonSchema][] = [['', schema]];
  for (let depth = 0; depth < 3; depth += 1) {
    level = level.flatMap(([pointer, held]) =>
      [...membersOf(held, definitions)].map(([name, each]): [string, JsonSchema] => [
        pointerTo(pointer, name),
        each,
      ]),
    );
    for (const [pointer, held] of level) found.set(pointer, held);
  }
  return found;
}
