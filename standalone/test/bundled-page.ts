import { build } from 'esbuild';

/** A page that runs a script, bundled with all that it imports. */
export async function bundledPage(script: string): Promise<string> {
  const bundle = await build({
    stdin: { contents: script, resolveDir: import.meta.dirname, loader: 'js' },
    bundle: true,
    write: false,
    format: 'iife',
    platform: 'browser',
  });
  return `<!doctype html><meta charset="utf-8"><script>${bundle.outputFiles[0]?.text}</script>`;
}
