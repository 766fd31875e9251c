import { textOf } from '../read/json.ts';
import { type Endpoint, endpointName } from './endpoints.ts';
import { exampleOf } from './examples.ts';
import { leftOpen, typeSchemaLimits } from './fit-schema.ts';
import { type ContextReader, type Judged, keyParametersOf, type ReadEndpoint } from './judge.ts';
import { listOf } from './lists.ts';
import { highest, marksOf } from './marks.ts';
import type { ContextModel } from './model.ts';
import { singularLast, typeNameOf } from './names.ts';
import { argumentOf } from './requests.ts';
import { shortened } from './schemas.ts';

/** Makes a context of an item, with the list of its resource if there is one. */
export function contextOf(
  reader: ContextReader,
  { endpoint, request, schema = {}, media }: ReadEndpoint,
  lists: ReadonlyMap<string, Extract<Judged, { kind: 'list' }>>,
): ContextModel {
  const type = reader.takeType(typeOfPath(endpoint), endpoint);
  const { definitions } = reader.answers;
  const keyParameters = keyParametersOf(endpoint);
  const marked = marksOf(type, schema, definitions);
  const open = leftOpen(schema, definitions, typeSchemaLimits);
  if (open.length > 0) {
    const text = `the schema of ${type} leaves ${open.join(', ').slice(0, 200)} open: with all of them it would be larger than Weir takes`;
    reader.notes.push({ place: endpointName(endpoint), text });
  }
  const collection = lists.get(collectionOf(endpoint.path));
  return {
    type,
    title: shortened(textOf(endpoint.operation.summary) ?? type).slice(0, 120),
    description: shortened(textOf(endpoint.operation.description) ?? ''),
    schema,
    open,
    request: request.spec,
    keyParameters: keyParameters.map((name) => argumentOf(request, name)),
    list: collection && listOf(reader, { endpoint, request, schema, media }, collection),
    marked,
    sensitivity: highest(marked),
    example: exampleOf(reader, { endpoint, request, schema, media }),
  };
}

/** The path of the list that an item is of. */
function collectionOf(path: string): string {
  const last = path.split('/').at(-1) ?? '';
  return last.includes('{') ? path.split('/').slice(0, -1).join('/') : '';
}

/** The path of a list, without the ending of a file. */
export function listPath(path: string): string {
  return path.replace(/\.(?:json|xml)$/, '').replace(/\/$/, '');
}

/**
 * `/pets/{id}` is a Pet, `/pets/{id}/photo` a PetPhoto, `/repos/{owner}/{repo}` a Repo. The words of
 * versions are left out.
 */
function typeOfPath({ path }: Endpoint): string {
  const segments = path.split('/').filter((each) => each !== '');
  const words = segments.flatMap((segment, index) => {
    const fixed = segment
      .replace(/\{[^}]*\}/g, ' ')
      .replace(/\.(?:json|xml)$/, '')
      .trim();
    if (fixed === '' || /^(?:v?\d[\w.-]*|api|rest)$/i.test(fixed)) return [];
    const isOfKey = segments[index + 1]?.startsWith('{') === true;
    return [isOfKey ? singularLast(fixed) : fixed];
  });
  return typeNameOf(words.slice(-2).join(' ')) || 'Item';
}
