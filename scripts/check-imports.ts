import { globSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { parseSync } from 'oxc-parser';

// Holds every import to the table in ARCHITECTURE.md: between rooms only by package name, and
// only as the table allows; inside a room only by relative path.

const root = dirname(import.meta.dirname);
const sourceFolders = [
  'sdk/typescript',
  'sdk/conformance',
  'kit',
  'policy',
  'journal',
  'registry',
  'router',
  'providers',
  'mcp',
  'generator',
  'standalone',
  'cli',
  'trials',
  'bench',
  'examples/copilot',
];
const minFiles = 100;

/** The table, as room → rooms that it may import. */
function readTable(): Map<string, ReadonlySet<string>> {
  const text = readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8');
  const table = /<!-- imports -->([\s\S]*?)<!-- \/imports -->/.exec(text)?.[1] ?? '';
  const rows = table.split('\n').filter((line) => /^\| [a-z]+ \|/.test(line));
  const cells = rows.map((row) => row.split('|').map((cell) => cell.trim()));
  return new Map(
    cells
      .filter(([, room]) => room !== 'room')
      .map(([, room = '', allowed = '']) => [room, new Set(allowed.split(/,\s*/).filter(Boolean))]),
  );
}

function importsOf(file: string): string[] {
  const { module } = parseSync(file, readFileSync(file, 'utf8'));
  const fixed = [
    ...module.staticImports.map((one) => one.moduleRequest.value),
    ...module.staticExports.flatMap((one) =>
      one.entries.flatMap((entry) => entry.moduleRequest?.value ?? []),
    ),
  ];
  const source = readFileSync(file, 'utf8');
  const dynamic = module.dynamicImports.map(({ moduleRequest }) =>
    source.slice(moduleRequest.start, moduleRequest.end).replace(/^['"]|['"]$/g, ''),
  );
  return [...fixed, ...dynamic];
}

function faultsOf(file: string, folder: string, table: Map<string, ReadonlySet<string>>): string[] {
  const room = folder.split('/')[0] ?? '';
  const allowed = table.get(room);
  if (!allowed) return [`${room} is not in the table of ARCHITECTURE.md`];
  const where = relative(root, file);
  return importsOf(file).flatMap((target) => {
    if (target.startsWith('.')) {
      const inside = resolve(dirname(file), target).startsWith(join(root, folder) + sep);
      return inside ? [] : [`${where} reaches ${target}, outside of its room`];
    }
    const other = /^@weir\/([a-z]+)/.exec(target)?.[1];
    if (other === undefined || other === room || allowed.has(other)) return [];
    return [`${where} imports ${target}, which ${room} may not`];
  });
}

const table = readTable();
let files = 0;
const faults = sourceFolders.flatMap((folder) => {
  const found = globSync('**/*.ts', {
    cwd: join(root, folder),
    exclude: (name) => ['node_modules', 'dist', 'gen'].includes(name),
  });
  files += found.length;
  return found.flatMap((file) => faultsOf(join(root, folder, file), folder, table));
});
// A check that looks at nothing passes.
if (files < minFiles) faults.push(`only ${files} files were found; at least ${minFiles} expected`);
for (const fault of faults) process.stderr.write(`${fault}\n`);
process.stdout.write(`imports: ${files} files, ${faults.length} faults\n`);
process.exitCode = faults.length > 0 ? 1 : 0;
