import type { Model, OfferedTable } from '../model.ts';
import type { ProjectOptions } from './project-files.ts';

/** What a README says that each language says in its own way. */
export interface ReadmeWords {
  /** How it is run: a section. */
  readonly running: string;
  /** The file in which the limits stand. */
  readonly limits: string;
  /** The files in which types are described. */
  readonly contexts: string;
  /** The settings with which the database is told of callers. */
  readonly telling: readonly [tellCaller: string, wantsPrincipal: string];
}

/** What people read first of a project. */
export function readmeText(
  model: Model,
  options: ProjectOptions,
  words: ReadmeWords = typescriptWords,
): string {
  const { database, tables, leftOut, remarks, marked } = model;
  const sections = [
    `# ${options.name}`,
    `Offers ${tables.length} tables and views of the PostgreSQL database \`${database}\` as context in Weir. Made with \`weir provider generate postgres\`; made again, it keeps what you changed.`,
    words.running,
    `## What it offers\n${tableOf(tables)}`,
    values,
    safety(options, words),
    ...(marked.length > 0 ? [policy(words)] : []),
    ...(remarks.length > 0 ? [`## To look at\n${list(remarks)}`] : []),
    ...(leftOut.length > 0
      ? [
          `## What it does not offer\n${list(
            leftOut.map(
              ({ name, reason, mend }) => `\`${name}\`: ${reason}. To offer it: ${mend}.`,
            ),
          )}`,
        ]
      : []),
  ];
  return `${sections.join('\n\n')}\n`;
}

/** The variables that every project reads. */
export const variablesTable = (
  url = '`http://127.0.0.1:7070` unless it is set',
) => `| variable | what it is |
|---|---|
| \`DATABASE_URL\` | the database, with a user who may only read; the password stands in no file of this project |
| \`WEIR_URL\` | the address of Weir; ${url} |
| \`WEIR_KEY\` | a key of Weir that may register providers |`;

const typescriptWords: ReadmeWords = {
  running: `## Run it
\`\`\`sh
npm install
export DATABASE_URL=postgres://user:password@db.example.org:5432/database
npm run types && npm test
WEIR_URL=http://127.0.0.1:7070 WEIR_KEY=… npm start
\`\`\`

${variablesTable()}`,
  limits: 'src/provider.ts',
  contexts: 'src/contexts',
  telling: ['tellCaller', 'wantsPrincipal'],
};

const values = `A row is fetched by its key. A key of several columns is their values, joined by "/", in which "%", "/" and control characters stand percent-encoded. \`refs\` of a row are what it refers to by its foreign keys, ready to be fetched. Lists come in the order of the key, page by page; words look through the titles; a word such as \`customer_id=5\` wants rows of that value, where the column is a foreign key.

| PostgreSQL | JSON |
|---|---|
| \`bigint\`, \`numeric\` of more than 15 digits | a text, since JSON numbers would lose digits |
| \`bytea\` | a text in base64 |
| \`timestamptz\` | a text in UTC, such as \`2026-01-31T18:00:00Z\` |
| \`interval\` | a text in ISO 8601, such as \`P1DT2H\` |
| ranges | \`{ "lower": 1, "upper": 10, "bounds": "[)" }\`; multiranges are lists of these |
| arrays, composites, \`json\` | lists, objects, any value |
| other types | the text that PostgreSQL writes |`;

function safety(
  { tellCaller = false, attributes = [] }: ProjectOptions,
  { limits, telling: [tell, wants] }: ReadmeWords,
): string {
  const told = `Each transaction is told for whom it is: \`current_setting('weir.tenant')\`, \`current_setting('weir.principal')\`, and \`current_setting('weir.attributes')\`, a JSON object${attributes.length > 0 ? ` with ${attributes.join(', ')}` : ''}. Policies of row-level security can decide by these; what is cached is shared with no other principal.`;
  const plain = `Row-level security decides for the user of the database, the same for all callers. With \`${tell}\` in \`${limits}\`, and \`${wants}\`, its policies can decide for each.`;
  return `## What it does to the database
It only reads: every session is read-only, which is checked, and a statement takes 4 s at most, a lock 1 s; there are at most 8 connections. These stand in \`${limits}\`. ${tellCaller ? told : plain}`;
}

const policy = ({ contexts }: ReadmeWords) => `## Who may read what
\`policy.yaml\` suggests what to hide of columns whose names look personal or secret. It is a guess: read it, change it, then put it into force with \`weir policy put policy.yaml\`. Rows with such columns are offered as confidential or restricted; that stands in \`sensitivity\` of each file in \`${contexts}\`.`;

function tableOf(tables: readonly OfferedTable[]): string {
  const rows = tables.map(({ type, schema, name, kind, key, links = {}, sensitivity }) => {
    const refs = Object.entries(links).map(([link, { type: target }]) => `${link} → ${target}`);
    const cells = [
      type,
      `${schema}.${name} (${kind})`,
      key.join('/'),
      refs.join(', '),
      sensitivity,
    ];
    return `| ${cells.map((cell) => String(cell).replaceAll('|', '\\|').replace(/\s+/g, ' ')).join(' | ')} |`;
  });
  return ['| type | of | key | refs | sensitivity |', '|---|---|---|---|---|', ...rows].join('\n');
}

function list(lines: readonly string[]): string {
  return lines.map((line) => `- ${line.replace(/\s+/g, ' ')}`).join('\n');
}
