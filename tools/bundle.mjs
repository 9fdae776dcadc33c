/**
 * Bundles the programs into build/program: to open hundreds of files at each start takes Node.js half a second. Parts
 * that are imported later are chunks of their own. The tests for virtual machines, where it takes many seconds, are
 * bundled as well.
 */
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { build } from 'esbuild';

/** Imports the part of classic-level that loads its native code by its package name, which works from any directory. */
const namedBinding = {
  name: 'named-binding',
  setup({ onResolve }) {
    onResolve({ filter: /^\.\/binding$/ }, ({ importer }) =>
      importer.includes('/node_modules/classic-level/')
        ? { path: 'classic-level/binding.js', external: true }
        : undefined,
    );
  },
};

/**
 * Removes the unused clients from the code generated for the API: with them, importing messages and names alone would
 * load gRPC.
 */
const onlyDefinitions = {
  name: 'only-definitions',
  setup({ onLoad }) {
    onLoad({ filter: /\/src\/generated\/hauberk\/.*\.ts$/ }, ({ path }) => ({
      contents: readFileSync(path, 'utf8')
        .replaceAll(/^export const \w+ = makeGenericClientConstructor\(.*?^\};$/gms, '')
        .replace(
          /^import \{([^}]*)\} from "@grpc\/grpc-js";$/m,
          (_, names) => `import type {${names.replaceAll('type ', '')}} from "@grpc/grpc-js";`,
        ),
      loader: 'ts',
    }));
  },
};

function bundle(outdir, entryPoints, alias) {
  return build({
    entryPoints,
    outdir,
    // All in one directory, so that each finds the build's other files by the same relative path.
    chunkNames: '[name]-[hash]',
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node22',
    sourcemap: true,
    logLevel: 'warning',
    // Of packages with both forms, the ES module: one CommonJS form requires its parts by a function of its own.
    mainFields: ['module', 'main'],
    // These look for their native code beside themselves.
    external: ['koffi', 'classic-level/binding.js'],
    plugins: [namedBinding, onlyDefinitions],
    alias,
    // CommonJS packages use it to import Node.js's own modules.
    banner: {
      js: "import { createRequire as createRequireOfBundle } from 'node:module';\nconst require = createRequireOfBundle(import.meta.url);",
    },
  });
}

/** Replaces packages that are imported but never used. */
const LEFT_OUT = './tools/left-out.mjs';

rmSync('build/program', { recursive: true, force: true });
const programs = {
  hauberkd: 'src/main.ts',
  hauberk: 'src/cli/main.ts',
  'control/dry-run-worker': 'src/control/dry-run-worker.ts',
  'rpc/reading/reading-worker': 'src/rpc/reading/reading-worker.ts',
};
// Docker is used by a local socket, and never to build: neither SSH nor .proto files are needed.
await bundle('build/program', programs, { ssh2: LEFT_OUT, '@grpc/proto-loader': LEFT_OUT });

for (const name of readdirSync('build/test')) if (name.startsWith('chunk-')) rmSync(`build/test/${name}`);
const tests = ['kernel', 'end-to-end', 'long'].flatMap((directory) =>
  readdirSync(`test/${directory}`)
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => [`${directory}/${name.slice(0, -'.ts'.length)}`, `test/${directory}/${name}`]),
);
await bundle('build/test', Object.fromEntries(tests), { ssh2: LEFT_OUT });
