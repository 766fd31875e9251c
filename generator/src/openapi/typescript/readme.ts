import type { ApiModel } from '../model/model.ts';
import { variableOf } from '../runtime/secrets.ts';

const notesMax = 200;

/** What of a project is called otherwise in each language. */
export interface ReadmeWords {
  readonly needs: string;
  /** Commands that fetch what it needs, test it, and start it. */
  readonly install: string;
  readonly test: string;
  readonly start: string;
  /** What WEIR_URL is, if it is not set. */
  readonly defaultUrl: string;
  /** Files, by what they hold. */
  readonly mainFile: string;
  readonly apiFile: string;
  readonly operationsFile: string;
  readonly contextsFolder: string;
}

const typescriptWords: ReadmeWords = {
  needs: 'Node 24 or later',
  install: 'npm install',
  test: 'npm test',
  start: 'npm start',
  defaultUrl: '`http://127.0.0.1:7070`',
  mainFile: 'src/main.ts',
  apiFile: 'src/api.ts',
  operationsFile: 'src/operations.ts',
  contextsFolder: 'src/contexts',
};

/** The README of a project. */
export function readmeText(model: ApiModel, words: ReadmeWords = typescriptWords): string {
  const { name, title, contexts, operations, credentials, baseUrl } = model;
  const schemes = Object.entries(credentials);
  return `# ${name}

A provider of context for Weir, for ${cell(title)} at ${baseUrl}. It was generated from an OpenAPI document (${model.counts.version}); edit whatever you like: the next generation keeps your edits, and says what it changed. What it compares with is in \`.weir/base\`; keep it beside the project.

## Run
${words.needs}.

\`\`\`sh
${words.install}
${words.test}
WEIR_URL=http://127.0.0.1:7070 WEIR_KEY=… ${words.start}
\`\`\`

| variable | what it is | default |
|---|---|---|
| \`WEIR_URL\` | where Weir listens | ${words.defaultUrl} |
| \`WEIR_KEY\` | a key of Weir with the scope \`register\` | it must be there |
| \`ENABLED_OPERATIONS\` | operations to offer, with commas; \`*\` stands for any text | see \`${words.mainFile}\` |
| \`API_BASE_URL\` | another address of the API | ${baseUrl} |
| \`WEIR_SECRETS_FILE\` | a file of lines \`name=secret\`, mode 0600 | none |
| \`WEIR_OUTBOUND_ALLOW\` | what may be called besides public addresses: \`loopback\`, \`private\`, networks | see \`${words.apiFile}\` |

## Secrets
${schemes.length === 0 ? 'The API asks for none.' : secretsText(schemes)}

## Context
${contexts.length === 0 ? 'None: no GET of the document gets one thing by its key.' : contextsText(model)}

${contexts.some(({ marked }) => marked.length > 0) ? '`policy.yaml` suggests what to hide of it. Read it, then put it into force with `weir policy put policy.yaml`.\n\n' : ''}A tenant has one type of a name. Where another provider has published one of these otherwise, generate with \`--type-prefix\`. When the schema of a type has changed, raise its version in \`${words.contextsFolder}\`.

## Operations
What can be done besides (${operations.length}) stands in \`${words.operationsFile}\`, each operation with the reason why it is no context. None is offered until \`ENABLED_OPERATIONS\` names it.

## What is not supported of this document
${notesText(model)}
`;
}

export function secretsText(
  schemes: readonly [string, { readonly secret: string; readonly kind: string }][],
): string {
  const forms: Readonly<Record<string, string>> = {
    apiKey: 'the key',
    basic: '`user:password`',
    bearer: 'an access token',
    clientCredentials: '`client:secret`, for which tokens are got',
  };
  const rows = schemes.map(
    ([name, { kind, secret }]) =>
      `| ${cell(name)} | \`${secret}\` | \`${variableOf(secret)}\` | ${forms[kind] ?? kind} |`,
  );
  return `A request needs one of the sets that it names. Give a secret as a variable, or as a line of the file.\n\n| scheme | reference | variable | what it holds |\n|---|---|---|---|\n${rows.join('\n')}`;
}

export function contextsText({ contexts }: ApiModel): string {
  const rows = contexts.map(
    ({ type, request, keyParameters, list }) =>
      `| \`${type}\` | ${keyParameters.map((each) => `\`<${each}>\``).join('/')} | \`GET ${cell(request.path)}\` | ${list ? cell(list.reason) : 'no'} |`,
  );
  return `| type | key | request | listed: how it is paged |\n|---|---|---|---|\n${rows.join('\n')}`;
}

export function notesText({ notes }: ApiModel): string {
  if (notes.length === 0) return 'Nothing was found.';
  const rows = notes
    .slice(0, notesMax)
    .map(({ place, text }) => `- \`${cell(place)}\`: ${cell(text)}`);
  const more = notes.length > notesMax ? [`- and ${notes.length - notesMax} more`] : [];
  return [...rows, ...more].join('\n');
}

export function cell(text: string): string {
  return text.replace(/\s+/g, ' ').replaceAll('|', '\\|').replaceAll('<', '&lt;');
}
