#!/usr/bin/env node
// Plain JavaScript that any Node since 20 can read: it finds a Node that runs Weir's TypeScript
// sources and starts the command with it.
import { spawn } from 'node:child_process';
import { existsSync, realpathSync } from 'node:fs';
import module from 'node:module';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const NEEDED_MAJOR = 24;
const MARK = 'WEIR_CLI_STARTED_AGAIN';
// What keeps pauses short (docs/operating.md); NODE_OPTIONS refuses these flags.
const SERVER_FLAGS = [
  '--scavenger-max-new-space-capacity-mb=8',
  '--heap-growing-percent=100',
  '--no-allocation-site-pretenuring',
];

const shim = realpathSync(fileURLToPath(import.meta.url));
const fits = fitsWeir();
const startsServer = process.argv.includes('start');
const startedAgain = process.env[MARK] !== undefined;
delete process.env[MARK];

if (fits && (!startsServer || startedAgain)) {
  // Halves the time to start; kept with the installation, where only its owner can write.
  const modules = findUpwards('node_modules');
  if (modules !== undefined) module.enableCompileCache(join(modules, '.cache', 'weir'));
  await import('../src/main.ts');
} else {
  const node = fits ? process.execPath : startedAgain ? undefined : projectNode();
  if (node === undefined) giveUp();
  else startAgain(node);
}

function fitsWeir() {
  const major = Number(process.versions.node.split('.')[0]);
  return major >= NEEDED_MAJOR && Boolean(process.features.typescript);
}

function projectNode() {
  const name = process.platform === 'win32' ? 'node.exe' : 'node';
  return findUpwards('node_modules', 'node', 'bin', name);
}

function findUpwards(...path) {
  for (let folder = dirname(shim); ; folder = dirname(folder)) {
    const candidate = join(folder, ...path);
    if (existsSync(candidate)) return candidate;
    if (folder === dirname(folder)) return undefined;
  }
}

function giveUp() {
  process.stderr.write(
    `weir needs Node ${NEEDED_MAJOR} or later with type stripping; this is Node ${process.versions.node}.\n` +
      'Run `npm ci` in the project, which brings the right Node with it, or install Node 24.\n',
  );
  process.exitCode = 5;
}

function startAgain(node) {
  const flags = startsServer ? SERVER_FLAGS : [];
  const child = spawn(node, [...flags, shim, ...process.argv.slice(2)], {
    stdio: 'inherit',
    env: { ...process.env, [MARK]: '1' },
  });
  // A terminal sends SIGINT to the whole group, so only a lone signal is handed on.
  const onTerminal = Boolean(process.stdin.isTTY);
  process.on('SIGINT', () => onTerminal || child.kill('SIGINT'));
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  process.on('SIGHUP', () => child.kill('SIGHUP'));
  child.on('error', (error) => {
    process.stderr.write(
      `weir could not start ${node}: ${error.message}\nRun \`npm ci\` in the project.\n`,
    );
    process.exitCode = 5;
  });
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? 128 + (constants.signals[signal] ?? 0);
  });
}
