import { create } from '@bufbuild/protobuf';
import { SensitivitySchema } from '@weir/sdk/gen/weir/context/v1/context_pb';
import {
  CacheScopeSchema,
  type KeyTemplate,
  OperationHintsSchema,
  OperationKindSchema,
  type OperationOffer,
} from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { type Checker, LINE_CHARS_MAX, repeatsIn } from './check.ts';
import type { Path } from './fault.ts';
import { jsonFault } from './json-fault.ts';

const OPERATIONS_MAX = 1000;
const OPERATION_NAME = /^[A-Za-z0-9_.-]{1,128}$/;
const OPERATION_TIMEOUT_MAX_MS = 600_000;
const OPERATION_TTL_MAX_MS = 24 * 3_600_000;
const OPERATION_PROSE_CHARS_MAX = 16 * 1024;
const OPERATION_SCHEMA_CHARS_MAX = 64 * 1024;
const OPERATION_ANNOTATIONS_CHARS_MAX = 16 * 1024;
const KEY_TEMPLATES_MAX = 100;
const KEY_TEMPLATE_CHARS_MAX = 1024;

/** Finds what is wrong with the operations of a provider. */
export function checkOperations(check: Checker, operations: readonly OperationOffer[]): void {
  check.count(['operations'], operations.length, OPERATIONS_MAX);
  operations.forEach((operation, i) => {
    checkOperation(check, operation, ['operations', i]);
  });
  for (const i of repeatsIn(operations.map(({ name }) => name))) {
    check.fault(['operations', i, 'name'], 'stands above; keep one');
  }
}

function checkOperation(check: Checker, operation: OperationOffer, path: Path): void {
  if (!OPERATION_NAME.test(operation.name)) {
    check.fault([...path, 'name'], 'has to be 1 to 128 of A-Z, a-z, 0-9, "_", "-" and "."');
  }
  check.line([...path, 'title'], operation.title, LINE_CHARS_MAX);
  check.prose([...path, 'description'], operation.description, OPERATION_PROSE_CHARS_MAX);
  check.known([...path, 'kind'], OperationKindSchema, operation.kind);
  check.known([...path, 'scope'], CacheScopeSchema, operation.scope);
  check.known([...path, 'sensitivity'], SensitivitySchema, operation.sensitivity);
  check.duration([...path, 'timeout'], operation.timeout, OPERATION_TIMEOUT_MAX_MS);
  check.duration([...path, 'ttl'], operation.ttl, OPERATION_TTL_MAX_MS);
  const { readOnly } = operation.hints ?? create(OperationHintsSchema);
  if (operation.ttl && !readOnly) {
    check.fault([...path, 'ttl'], 'only what changes nothing is cached; say hints.readOnly');
  }
  const schemas = { inputSchema: operation.inputSchema, outputSchema: operation.outputSchema };
  for (const [name, schema] of Object.entries(schemas)) {
    checkJson(check, schema, { path: [...path, name], charsMax: OPERATION_SCHEMA_CHARS_MAX });
  }
  const type = operation.inputSchema?.type ?? 'object';
  if (type !== 'object') {
    check.fault([...path, 'inputSchema', 'type'], 'arguments are an object; write "object"');
  }
  checkJson(check, operation.annotations, {
    path: [...path, 'annotations'],
    charsMax: OPERATION_ANNOTATIONS_CHARS_MAX,
  });
}

function checkJson(
  check: Checker,
  value: OperationOffer['annotations'],
  { path, charsMax }: { readonly path: Path; readonly charsMax: number },
): void {
  if (value === undefined) return;
  const fault = jsonFault(value);
  if (fault) check.fault(path, fault);
  else if (JSON.stringify(value).length > charsMax) {
    check.fault(path, `takes more than ${charsMax} characters as JSON; shorten it`);
  }
}

/** Finds what is wrong with the forms of keys of an offer. */
export function checkTemplates(
  check: Checker,
  templates: readonly KeyTemplate[],
  path: Path,
): void {
  check.count(path, templates.length, KEY_TEMPLATES_MAX);
  templates.forEach(({ template, name, title, description, contentType }, i) => {
    const at = [...path, i];
    check.line([...at, 'template'], template, KEY_TEMPLATE_CHARS_MAX);
    if (!template) check.fault([...at, 'template'], 'write the form, such as "page/{id}"');
    check.line([...at, 'name'], name, LINE_CHARS_MAX);
    if (!name) check.fault([...at, 'name'], 'the name is empty; give one');
    check.line([...at, 'title'], title, LINE_CHARS_MAX);
    check.prose([...at, 'description'], description, OPERATION_PROSE_CHARS_MAX);
    check.line([...at, 'contentType'], contentType, LINE_CHARS_MAX);
  });
  for (const i of repeatsIn(templates.map(({ name }) => name))) {
    check.fault([...path, i, 'name'], 'stands above; keep one');
  }
}
