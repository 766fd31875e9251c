import type { ApiModel } from '../model/model.ts';
import { cell, contextsText, notesText, secretsText } from '../typescript/readme.ts';

/** The README of a project in Python. */
export function readmeText(model: ApiModel, packageName: string): string {
  const { name, title, contexts, operations, credentials, baseUrl } = model;
  const schemes = Object.entries(credentials);
  const isMarked = contexts.some(({ marked }) => marked.length > 0);
  const policy = isMarked
    ? '`policy.yaml` suggests what to hide of it. Read it, then put it into force with `weir policy put policy.yaml`.\n\n'
    : '';
  return `# ${name}

A provider of context for Weir, for ${cell(title)} at ${baseUrl}. It was generated from an OpenAPI document (${model.counts.version}); edit whatever you like: the next generation keeps your edits, and says what it changed. What it compares with is in \`.weir/base\`; keep it beside the project.

## Run
Python 3.11 or later.

\`\`\`sh
python3 -m pip install -e .
python3 -m unittest discover -s tests -t .
WEIR_URL=http://127.0.0.1:7070 WEIR_KEY=… python3 -m ${packageName}
\`\`\`

| variable | what it is | default |
|---|---|---|
| \`WEIR_URL\` | where Weir listens | \`http://127.0.0.1:7070\` |
| \`WEIR_KEY\` | a key of Weir with the scope \`register\` | it must be there |
| \`ENABLED_OPERATIONS\` | operations to offer, with commas; \`*\` stands for any text; also \`--enable\` | see \`${packageName}/__main__.py\` |
| \`API_BASE_URL\` | another address of the API | ${baseUrl} |
| \`WEIR_SECRETS_FILE\` | a file of lines \`name=secret\`, mode 0600 | none |
| \`WEIR_OUTBOUND_ALLOW\` | what may be called besides public addresses: \`loopback\`, \`private\`, networks | see \`${packageName}/api.py\` |

## Secrets
${schemes.length === 0 ? 'The API asks for none.' : secretsText(schemes)}

## Context
${contexts.length === 0 ? 'None: no GET of the document gets one thing by its key.' : contextsText(model)}

The values are bytes of JSON as the API sends them; \`${packageName}/values.py\` has their types, for who reads or changes them.

${policy}## Operations
What can be done besides (${operations.length}) stands in \`${packageName}/operations.py\`, each operation with the reason why it is no context. None is offered until \`ENABLED_OPERATIONS\` names it.

## What is not supported of this document
${notesText(model)}
`;
}
