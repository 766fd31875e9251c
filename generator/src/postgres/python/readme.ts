import type { Model } from '../model.ts';
import type { ProjectOptions } from '../typescript/project-files.ts';
import { readmeText as commonReadme, variablesTable } from '../typescript/readme.ts';

/** The README of a project in Python. */
export function readmeText(model: Model, options: ProjectOptions, packageName: string): string {
  const running = `## Run it
Python 3.11 or later.

\`\`\`sh
python3 -m pip install -e .
export DATABASE_URL=postgres://user:password@db.example.org:5432/database
python3 -m unittest discover -s tests -t .
WEIR_URL=http://127.0.0.1:7070 WEIR_KEY=… python3 -m ${packageName}
\`\`\`

${variablesTable()}`;
  return commonReadme(model, options, {
    running,
    limits: `${packageName}/provider.py`,
    contexts: `${packageName}/contexts`,
    telling: ['tell_caller', 'wants_principal'],
  });
}
