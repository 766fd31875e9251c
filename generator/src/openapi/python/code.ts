import {
  call,
  dictionary,
  docstring,
  importLine,
  list,
  literal,
  render,
  textLiteral,
  wrapped,
} from '../../python/literal.ts';
import type { ApiModel, ContextModel, OperationModel } from '../model/model.ts';
import { defaultTtlMs } from '../provider.ts';
import {
  credentialClasses,
  credentialExpression,
  fetchExpression,
  listExpression,
  paginationClasses,
  requestExpression,
} from './specs.ts';

/** A context, and the name of its module in `contexts`. */
export interface ContextModule {
  readonly context: ContextModel;
  readonly name: string;
}

/** `contexts/NAME.py`. */
export function contextText({ context }: ContextModule, valueType: string): string {
  const { type, title, description, request, keyParameters, list: listed } = context;
  const parameters = [...request.parameters, ...(listed?.spec.request.parameters ?? [])];
  const paging = listed && [
    paginationClasses[listed.spec.pagination.kind],
    'ListSpec',
    ...(listed.spec.pageSize ? ['PageSize'] : []),
    'list_items',
  ];
  const key = keyParameters.map((name) => `<${name}>`).join('/');
  const requests = [...(parameters.length > 0 ? ['ParameterSpec'] : []), 'RequestSpec'];
  const lines = [
    docstring([
      `${title}`,
      description,
      `The key is ${key}; values are of the type \`${valueType}\``,
    ]),
    '',
    `from weir.provider import ${[...(listed ? ['ListPage', 'ListQuery'] : []), 'Provider', 'Query'].join(', ')}`,
    '',
    'from ..runtime.api import Api',
    'from ..runtime.fetch import Fetched, FetchSpec, fetch_item',
    ...(paging ? [importLine('..runtime.list', [...paging].sort())] : []),
    `from ..runtime.request import ${requests.join(', ')}`,
    'from ..schemas import schema_of',
    '',
    render(fetchExpression(request, keyParameters), 'FETCH = '),
    ...(listed
      ? [
          '',
          ...comment(`Pages: ${listed.reason}.`, 0),
          render(listExpression(listed.spec), 'LIST = '),
        ]
      : []),
    '',
    '',
    'def offer(provider: Provider, api: Api) -> None:',
    docstring([`Offers \`${type}\``], 4),
    '',
    ...decorator(context),
    '    async def fetch(query: Query) -> Fetched:',
    '        return await fetch_item(api, FETCH, query)',
    ...(listed
      ? [
          '',
          '    @fetch.list',
          '    async def keys(query: ListQuery) -> ListPage:',
          '        return await list_items(api, LIST, query)',
        ]
      : []),
  ];
  return `${lines.join('\n')}\n`;
}

function decorator({ type, title, sensitivity, marked }: ContextModel): string[] {
  const why = marked.slice(0, 3).map(({ pointer, reason }) => `${pointer} (${reason})`);
  const more = marked.length > 3 ? `, and ${marked.length - 3} more` : '';
  return [
    '    @provider.context(',
    `        ${textLiteral(type)},`,
    '        version="1.0.0",',
    `        title=${textLiteral(title)},`,
    `        schema=schema_of(${textLiteral(type)}),`,
    '        # How long a value counts as true when the API does not say, in seconds.',
    `        ttl=${defaultTtlMs / 1_000},`,
    ...(sensitivity
      ? [
          ...comment(`Since it holds ${why.join(', ')}${more}.`, 8),
          `        sensitivity=${textLiteral(sensitivity)},`,
        ]
      : []),
    '    )',
  ];
}

/** `contexts/__init__.py`. */
export function contextsText(modules: readonly ContextModule[]): string {
  const names = modules.map(({ name }) => name);
  const imports = names.length === 0 ? [] : ['', importLine('.', names)];
  const offers = list(names.map((name) => `${name}.offer`));
  const lines = [
    '"""All contexts."""',
    '',
    'from typing import Callable, Sequence',
    '',
    'from weir.provider import Provider',
    '',
    'from ..runtime.api import Api',
    ...imports.slice(1),
    '',
    '# What is offered. Take out what is not wanted.',
    render(offers, 'OFFERS: Sequence[Callable[[Provider, Api], None]] = '),
  ];
  return `${lines.join('\n')}\n`;
}

/** `provider.py`. */
export function providerText({ name, version, title, description }: ApiModel): string {
  const declared = call('Provider', {
    '': textLiteral(name),
    version: textLiteral(version),
    title: textLiteral(title),
    description: textLiteral(description),
    category: textLiteral('api'),
    // Longer than a request of the API may take.
    timeout: '15',
  });
  const lines = [
    docstring([`The provider \`${name}\``]),
    '',
    'from typing import Sequence',
    '',
    'from weir.provider import Provider',
    '',
    'from .contexts import OFFERS',
    'from .operations import offer_operations',
    'from .runtime.api import Api',
    '',
    '',
    'def create_provider(api: Api, enabled_operations: Sequence[str]) -> Provider:',
    '    """The provider. Of the operations it offers those that are named."""',
    render(declared, '    provider = '),
    '    for offer in OFFERS:',
    '        offer(provider, api)',
    '    offer_operations(provider, api, enabled_operations)',
    '    return provider',
  ];
  return `${lines.join('\n')}\n`;
}

/** `operations.py`. */
export function operationsText(operations: readonly OperationModel[]): string {
  const parts = operations.map((operation) => ({
    lead: `${textLiteral(operation.name)}: `,
    value: operationExpression(operation),
    comment: wrapped(
      `${operation.request.method} ${operation.request.path}: ${operation.reason}.`,
      94,
    ),
  }));
  const hasParameters = operations.some(({ request }) => request.parameters.length > 0);
  const requests = [...(hasParameters ? ['ParameterSpec'] : []), 'RequestSpec'];
  const lines = [
    '"""What can be done besides fetching. None of it is offered unless it is named."""',
    '',
    'from typing import Any, Mapping, Sequence',
    '',
    'from weir.provider import Call, Provider',
    '',
    'from .runtime.api import Api',
    'from .runtime.names import chosen_names',
    'from .runtime.operation import OperationSpec, call_operation',
    ...(operations.length > 0 ? [`from .runtime.request import ${requests.join(', ')}`] : []),
    'from .schemas import input_of',
    '',
    '# All operations by name, each with the reason why it is no context.',
    render({ open: '{', parts, close: '}' }, 'OPERATIONS: Mapping[str, OperationSpec] = '),
    '',
    '',
    'def offer_operations(provider: Provider, api: Api, enabled: Sequence[str]) -> None:',
    '    """Offers the operations that names mean; `*` stands for any text.',
    '',
    '    Raises ValueError for a name that means none.',
    '    """',
    '    for name in chosen_names(list(OPERATIONS), enabled):',
    '        offer_operation(provider, api, name)',
    '',
    '',
    'def offer_operation(provider: Provider, api: Api, name: str) -> None:',
    '    """Offers one operation."""',
    '    spec = OPERATIONS[name]',
    '',
    '    @provider.operation(',
    '        name,',
    '        title=spec.title,',
    '        description=spec.description,',
    '        input=input_of(name),',
    '        read_only=spec.read_only,',
    '        idempotent=spec.idempotent,',
    '        destructive=spec.destructive,',
    '    )',
    '    async def run(call: Call) -> Any:',
    '        return await call_operation(api, spec.request, call)',
  ];
  return `${lines.join('\n')}\n`;
}

function operationExpression(operation: OperationModel) {
  const { title, description, readOnly, idempotent, destructive, request } = operation;
  return call('OperationSpec', {
    title: textLiteral(title),
    description: textLiteral(description),
    read_only: literal(readOnly),
    idempotent: literal(idempotent),
    destructive: literal(destructive),
    request: requestExpression(request),
  });
}

/** `api.py`. */
export function apiText(model: ApiModel, outboundAllow: readonly string[]): string {
  const { baseUrl, credentials } = model;
  const kinds = new Set(Object.values(credentials).map(({ kind }) => credentialClasses[kind]));
  const classes = [...kinds, 'CredentialSpec'].sort().join(', ');
  const specs = Object.entries(credentials).map(
    ([name, spec]) => [name, credentialExpression(spec)] as const,
  );
  const lines = [
    '"""Where the API is, and how it is called."""',
    '',
    'from typing import Mapping',
    '',
    'from .runtime.api import Api',
    `from .runtime.credentials import ${classes}`,
    'from .runtime.secrets import open_secrets',
    '',
    '# The address of the API; the variable API_BASE_URL goes before it.',
    `BASE_URL = ${textLiteral(baseUrl)}`,
    '',
    '# What may be called besides public addresses; the variable WEIR_OUTBOUND_ALLOW goes before it.',
    `OUTBOUND_ALLOW = ${textLiteral(outboundAllow.join(','))}`,
    '',
    '# Ways to say who calls. Only references to secrets stand here, never a secret.',
    render(dictionary(specs), 'CREDENTIALS: Mapping[str, CredentialSpec] = '),
    '',
    '',
    'def open_api(env: Mapping[str, str]) -> Api:',
    '    """Opens the API, with settings from the environment.',
    '',
    '    Raises ValueError or OSError for a setting that cannot be used.',
    '    """',
    '    allowed = env.get("WEIR_OUTBOUND_ALLOW", OUTBOUND_ALLOW).split(",")',
    '    return Api(',
    '        env.get("API_BASE_URL", BASE_URL),',
    '        is_moved="API_BASE_URL" in env,',
    '        credentials=CREDENTIALS,',
    '        secrets=open_secrets(env),',
    '        outbound_allow=[each.strip() for each in allowed if each.strip() not in ("", "none")],',
    '        # The time for one request, in seconds, and the largest answer read, in bytes.',
    '        timeout=10,',
    '        max_bytes=16 * 1024 * 1024,',
    '    )',
  ];
  return `${lines.join('\n')}\n`;
}

/** `schemas/__init__.py`, beside the schemas. */
export const schemasText = `"""JSON Schemas of values and of arguments. They lie beside this file as they are: other tools read
them too."""

import json
from functools import cache
from importlib.resources import files
from typing import Any

from ..runtime.schema import JsonSchema, with_definitions


def schema_of(context_type: str) -> JsonSchema:
    """The schema of a context type. Definitions that are \`open\` in it allow any value: with them it
    would be larger than Weir takes."""
    held = _read("contexts.json")[context_type]
    return with_definitions(held["schema"], _read("definitions.json"), held["open"])


def input_of(operation: str) -> JsonSchema:
    """The schema of an operation's arguments."""
    schema: JsonSchema = _read("inputs.json")[operation]
    return schema


@cache
def _read(name: str) -> Any:
    return json.loads(files(__package__).joinpath(name).read_text("utf-8"))
`;

/** `__main__.py`. */
export function mainText(enable: readonly string[]): string {
  const enabled = list(enable.map(textLiteral));
  return `"""Serves the provider until it is told to stop."""

import argparse
import asyncio
import logging
import os
import signal
import sys

from weir import WeirCallError
from weir.provider import serve

from .api import open_api
from .provider import create_provider

# Operations to offer, besides those of --enable; "*" stands for any text. The variable
# ENABLED_OPERATIONS, with commas, goes before it.
${render(enabled, 'ENABLED_OPERATIONS: list[str] = ')}


async def main(enabled: list[str]) -> None:
    """Serves until the task is cancelled, as it is by SIGTERM and SIGINT; then it drains."""
    task = asyncio.current_task()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel if task else sys.exit)
    async with open_api(os.environ) as api:
        provider = create_provider(api, enabled)
        url = os.environ.get("WEIR_URL", "http://127.0.0.1:7070")
        # A project that was generated again is the same version with another manifest.
        async with await serve(provider, url, os.environ["WEIR_KEY"], replace=True) as running:
            print(f"serving at {running.url}", file=sys.stderr, flush=True)
            await asyncio.Event().wait()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--enable", action="append", default=[], help="an operation to offer")
    if not os.environ.get("WEIR_KEY"):
        parser.error("set WEIR_KEY to a key of Weir that may register")
    named = os.environ.get("ENABLED_OPERATIONS", ",".join(ENABLED_OPERATIONS)).split(",")
    chosen = [name.strip() for name in named if name.strip()] + parser.parse_args().enable
    try:
        asyncio.run(main(chosen))
    except asyncio.CancelledError:
        pass
    except (WeirCallError, ValueError, OSError) as error:
        sys.exit(f"it cannot be served: {error}")
`;
}

/** Lines of comment. */
function comment(text: string, indent: number): string[] {
  const blanks = ' '.repeat(indent);
  return wrapped(text, 98 - indent).map((line) => `${blanks}# ${line}`);
}
