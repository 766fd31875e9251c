import { wordsOf } from '../../suggest/words.ts';
import { isObject, type JsonObject, objectOf, pointerTo } from '../read/json.ts';
import type { Located } from '../read/read-document.ts';
import { keyOf } from '../runtime/keys.ts';
import { buildRequest } from '../runtime/request.ts';
import { type ContextReader, keyParametersOf, type ReadEndpoint } from './judge.ts';
import type { ContextExample } from './model.ts';
import { argumentOf } from './requests.ts';
import { sampleOf } from './sample.ts';

/** What the document shows of an item, or a sample of its schema, and a key made of its parameters. */
export function exampleOf(reader: ContextReader, read: ReadEndpoint): ContextExample | undefined {
  const { media, request, endpoint, schema } = read;
  if (media === undefined || schema === undefined) return undefined;
  const shown = exampleOfMedia(reader, media);
  const parts = keyParametersOf(endpoint).map((name) => {
    const parameter = endpoint.parameters.find(
      ({ value }) => value.in === 'path' && value.name === name,
    );
    return textOfExample(parameter?.value) ?? `${wordsOf(name).join('-')}-1`;
  });
  const values = keyParametersOf(endpoint).map((name, index) => [
    argumentOf(request, name),
    parts[index],
  ]);
  const { target } = buildRequest(request.spec, Object.fromEntries(values));
  const body = shown ?? sampleOf(schema, reader.answers.definitions);
  return { key: keyOf(parts), path: target, body };
}

function exampleOfMedia(
  { document }: ContextReader,
  { value, pointer }: Located<JsonObject>,
): unknown {
  if (value.example !== undefined) return value.example;
  const examples = objectOf(value.examples);
  const [name] = Object.keys(examples);
  if (name !== undefined) {
    const found = document.follow(examples[name], pointerTo(pointer, 'examples', name)).value;
    if (isObject(found) && 'value' in found) return found.value;
  }
  const { value: schema } = document.follow(value.schema, pointerTo(pointer, 'schema'));
  return isObject(schema) ? schema.example : undefined;
}

/** A value that can stand in a key. */
function textOfExample(parameter: JsonObject | undefined): string | undefined {
  const schema = objectOf(parameter?.schema);
  const [first] = Object.values(objectOf(parameter?.examples)).map((each) => objectOf(each).value);
  const found = [parameter?.example, first, schema.example, schema.default].find(
    (each) => typeof each === 'string' || typeof each === 'number',
  );
  const text = found === undefined ? '' : String(found);
  return /^[\x21-\x7e]{1,100}$/.test(text) && !text.includes('..') ? text : undefined;
}
