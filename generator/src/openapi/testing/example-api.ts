import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { ApiModel, ContextModel } from '../model/model.ts';
import { encodePart } from '../runtime/keys.ts';

const root = join(import.meta.dirname, '../../../..');
const documents = join(process.env.WEIR_TEST_DOCUMENTS ?? join(root, '../shared/data'), 'openapi');

/** Whether the documents written by others are there; they are no part of the repository. */
export const hasApiDocuments = existsSync(documents);

/** Where a document written by others lies. */
export function apiDocument(file: string): string {
  return join(documents, file);
}

/** An API on this machine. */
export interface ExampleApi extends AsyncDisposable {
  readonly url: string;
}

/** Serves what a document shows of its types: each by its path, and in the list of its type. */
export async function openExampleApi(model: ApiModel): Promise<ExampleApi> {
  const bodies = new Map(
    model.contexts.flatMap((context) => [...listed(context), ...fetched(context)]),
  );
  const server = createServer((request, response) => {
    const body = bodies.get((request.url ?? '').replace(/\?.*/s, ''));
    if (body === undefined) response.writeHead(404).end();
    else response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

type Answer = [path: string, body: unknown];

function fetched({ example }: ContextModel): Answer[] {
  return example ? [[example.path.replace(/\?.*/s, ''), example.body]] : [];
}

/** A list with the one example in it, where the list of the type has its items. */
function listed({ list, example }: ContextModel): Answer[] {
  if (!list || !example) return [];
  const { request, items, keyFields, parents } = list.spec;
  const parts = keyParts(example.key, parents.length + keyFields.length);
  const own = parts.slice(parents.length);
  const item = {
    ...Object(example.body),
    ...Object.fromEntries(keyFields.map((name, at) => [name, own[at]])),
  };
  let path = request.path;
  for (const [at, name] of parents.entries()) {
    path = path.replaceAll(`{${name}}`, encodePart(parts[at] ?? ''));
  }
  const names = items.split('/').slice(1).reverse();
  return [[path, names.reduce<unknown>((inner, name) => ({ [name]: inner }), [item])]];
}

function keyParts(key: string, count: number): string[] {
  return count === 1 ? [key] : key.split('/').map(decodeURIComponent);
}
