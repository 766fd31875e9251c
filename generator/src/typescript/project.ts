// What every project in TypeScript has, whatever it was made from.

/** What a package.json tells of one project. */
export interface PackageFacts {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  /** Where npm finds `@weir/sdk`. */
  readonly sdk: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

/** The package.json of a project. */
export function packageOf(facts: PackageFacts): object {
  return {
    name: `weir-provider-${facts.name}`,
    version: facts.version,
    private: true,
    description: `A provider of context for Weir: ${facts.description}`,
    type: 'module',
    engines: { node: '>=24' },
    scripts: {
      start: 'node src/main.ts',
      test: 'node --test test/*.test.ts',
      types: 'tsc -p .',
    },
    dependencies: { '@weir/sdk': facts.sdk, ...facts.dependencies },
    devDependencies: { '@types/node': '24.19.2', ...facts.devDependencies, typescript: '6.0.3' },
  };
}

/** Its tsconfig.json. */
export const compilerSettings = {
  compilerOptions: {
    target: 'es2024',
    lib: ['es2024', 'esnext.disposable', 'esnext.array'],
    module: 'nodenext',
    types: ['node'],
    strict: true,
    noUncheckedIndexedAccess: true,
    exactOptionalPropertyTypes: true,
    noUnusedLocals: true,
    erasableSyntaxOnly: true,
    verbatimModuleSyntax: true,
    skipLibCheck: true,
    allowImportingTsExtensions: true,
    noEmit: true,
  },
  include: ['src', 'test'],
};

/** A file of JSON. */
export function json(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}
