import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { call, importLine, list, render, textLiteral } from '../../python/literal.ts';
import { packageName } from '../../python/names.ts';
import { defaultPythonSdk, packageFiles } from '../../python/package-files.ts';
import { valueTexts } from '../../python/values.ts';
import { suggestedPolicy } from '../../suggest/policy.ts';
import type { Model } from '../model.ts';
import { describeProvider } from '../open.ts';
import type { ProjectOptions } from '../typescript/project-files.ts';
import { contextModules, contextsText, contextText } from './context-files.ts';
import { readmeText } from './readme.ts';

const runtimeFolder = join(import.meta.dirname, 'runtime');

/** All files of a project in Python that serves what a model describes. */
export async function pythonFiles(
  model: Model,
  options: ProjectOptions,
): Promise<ReadonlyMap<string, string>> {
  const { name: provider, sdk = defaultPythonSdk } = options;
  const name = packageName(provider);
  const modules = contextModules(model);
  const contexts = model.tables.map(({ type, jsonSchema }) => ({ type, schema: jsonSchema }));
  const about = `What rows of the database ${model.database} are as JSON`;
  const values = valueTexts({ contexts, definitions: {}, about });
  const policy = suggestedPolicy({ provider, fields: model.marked });
  const schemas = Object.fromEntries(contexts.map(({ type, schema }) => [type, schema]));
  const inPackage: readonly (readonly [string, string])[] = [
    ['__init__.py', `"""A provider of context for Weir."""\n`],
    ['__main__.py', mainText],
    ['provider.py', providerText(model, options)],
    ['values.py', values.text],
    ['schemas/__init__.py', schemasText],
    ['schemas/contexts.json', `${JSON.stringify(schemas, undefined, 2)}\n`],
    ['contexts/__init__.py', contextsText(modules)],
    ...modules.map((module): [string, string] => {
      const valueType = values.byContext.get(module.table.type) ?? 'Any';
      return [`contexts/${module.name}.py`, contextText(module, model.marked, valueType)];
    }),
    ...(await runtimeFiles()),
  ];
  const libraries = ['psycopg>=3.1', 'psycopg-pool>=3.1'];
  const title = model.database;
  return new Map([
    ...packageFiles({ provider, version: '1.0.0', title, package: name, libraries, sdk }),
    ['README.md', readmeText(model, options, name)],
    ...(policy === undefined ? [] : [['policy.yaml', policy] as const]),
    ...inPackage.map(([path, text]): [string, string] => [`${name}/${path}`, text]),
    ['tests/__init__.py', ''],
    ['tests/test_provider.py', testText(name)],
  ]);
}

async function runtimeFiles(): Promise<[string, string][]> {
  const names = (await readdir(runtimeFolder)).filter((name) => name.endsWith('.py')).sort();
  return Promise.all(
    names.map(async (name): Promise<[string, string]> => {
      return [`runtime/${name}`, await readFile(join(runtimeFolder, name), 'utf8')];
    }),
  );
}

function providerText(model: Model, options: ProjectOptions): string {
  const { name, tellCaller = false, attributes = [] } = options;
  const declared = call('Provider', {
    '': textLiteral(name),
    version: textLiteral('1.0.0'),
    title: textLiteral(model.database),
    description: textLiteral(describeProvider(model)),
    tags: '["postgresql"]',
    category: textLiteral('database'),
    timeout: '10',
    // The database is told for whom it is asked, so that its row-level security can decide.
    wants_principal: tellCaller ? 'True' : undefined,
    principal_attributes: tellCaller ? list(attributes.map(textLiteral)) : undefined,
  });
  return `"""The provider, and the database that it reads."""

from contextlib import asynccontextmanager
from typing import AsyncIterator

from weir.provider import Provider

from .contexts import TABLES
from .runtime.context import offer_table
from .runtime.database import Database


@asynccontextmanager
async def open_provider(url: str) -> AsyncIterator[Provider]:
    """Opens the database, for reading only, and makes the provider of it.

    Raises ValueError when the URL is not one of PostgreSQL, psycopg.Error when the database cannot be
    reached, and RuntimeError when its sessions are not read-only.
    """
    database = Database(
        url,
        max_connections=8,
        # In seconds.
        statement_timeout=4,
        lock_timeout=1,
        # Whether it is told for whom it is asked, so that its row-level security can decide.
        tell_caller=${tellCaller ? 'True' : 'False'},
    )
${render(declared, '    provider = ')}
    async with database:
        for table in TABLES:
            offer_table(provider, database, table)
        yield provider
`;
}

const schemasText = `"""JSON Schemas of rows. They lie beside this file as they are: other tools read them too."""

import json
from functools import cache
from importlib.resources import files
from typing import Any, Mapping


def schema_of(context_type: str) -> Mapping[str, Any]:
    """The schema of a context type."""
    schema: Mapping[str, Any] = _read("contexts.json")[context_type]
    return schema


@cache
def _read(name: str) -> Any:
    return json.loads(files(__package__).joinpath(name).read_text("utf-8"))
`;

const mainText = `"""Serves the provider until it is told to stop."""

import asyncio
import logging
import os
import signal
import sys

import psycopg
from weir import WeirCallError
from weir.provider import serve

from .provider import open_provider


async def main() -> None:
    """Serves until the task is cancelled, as it is by SIGTERM and SIGINT; then it drains."""
    task = asyncio.current_task()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel if task else sys.exit)
    async with open_provider(required("DATABASE_URL")) as provider:
        url = os.environ.get("WEIR_URL", "http://127.0.0.1:7070")
        # A project that was generated again is the same version with another manifest.
        async with await serve(provider, url, required("WEIR_KEY"), replace=True) as running:
            print(f"serving at {running.url}", file=sys.stderr, flush=True)
            await asyncio.Event().wait()


def required(name: str) -> str:
    """The value of a variable that must be set."""
    value = os.environ.get(name)
    if value:
        return value
    sys.exit(f"{name} is not set: see README.md")


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    try:
        asyncio.run(main())
    except asyncio.CancelledError:
        pass
    except (WeirCallError, psycopg.Error, RuntimeError, ValueError, OSError) as error:
        sys.exit(f"it cannot be served: {error}")
`;

function testText(name: string): string {
  return `"""The provider, against a real database: set DATABASE_URL."""

import os
import unittest

from weir.testing import LocalProvider

${importLine(`${name}.contexts`, ['TABLES'])}
${importLine(`${name}.provider`, ['open_provider'])}

URL = os.environ.get("DATABASE_URL", "")


@unittest.skipUnless(URL, "set DATABASE_URL to a database to test with")
class ProviderTest(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self) -> None:
        self.provider = LocalProvider(await self.enterAsyncContext(open_provider(URL)))

    async def test_every_table_is_listed_and_its_rows_are_fetched_by_their_keys(self) -> None:
        for table in TABLES:
            with self.subTest(type=table.type):
                page = await self.provider.list(table.type, page_size=3)
                for entry in page.entries:
                    value = (await self.provider.fetch(table.type, entry.key)).value
                    self.assertLessEqual(set(table.columns), set(value))
                self.assertIsNone(await self.provider.query(table.type, "no/such/key/at/all"))
`;
}
