/**
 * Bundles the programs into build/program, so that Node.js opens a handful of files instead of hundreds, which takes it
 * half a second. Parts that are imported later are chunks of their own. The tests that run in virtual machines, where
 * the same takes many seconds, are bundled as well.
 */
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { build } from 'esbuild';

/** Calls the part of classic-level that loads its machine code by a name that holds from everywhere. */
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
 * Takes the clients out of what is generated of the API, which nobody makes: with them whatever needs no more than its messages
 * and names would load gRPC.
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
    // Side by side, so that each finds what the build makes at the same place.
    chunkNames: '[name]-[hash]',
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node22',
    sourcemap: true,
    logLevel: 'warning',
    // Of a package with both, the form that can be followed: one of them asks for its parts by a function of its own.
    mainFields: ['module', 'main'],
    // They look for machine code beside themselves.
    external: ['koffi', 'classic-level/binding.js'],
    plugins: [namedBinding, onlyDefinitions],
    alias,
    // CommonJS packages ask for Node.js's own modules by it.
    banner: {
      js: "import { createRequire as createRequireOfBundle } from 'node:module';\nconst require = createRequireOfBundle(import.meta.url);",
    },
  });
}

/** Stands for what is never used here, but imported by a package that is. */
const LEFT_OUT = './tools/left-out.mjs';

rmSync('build/program', { recursive: true, force: true });
const programs = {
  hauberkd: 'src/main.ts',
  hauberk: 'src/cli/main.ts',
  'control/dry-run-worker': 'src/control/dry-run-worker.ts',
  'rpc/reading/reading-worker': 'src/rpc/reading/reading-worker.ts',
};
// Docker is asked over a socket of this host, and never to build: neither SSH nor descriptions in .proto are needed.
await bundle('build/program', programs, { ssh2: LEFT_OUT, '@grpc/proto-loader': LEFT_OUT });

for (const name of readdirSync('build/test')) if (name.startsWith('chunk-')) rmSync(`build/test/${name}`);
const tests = ['kernel', 'end-to-end', 'long'].flatMap((directory) =>
  readdirSync(`test/${directory}`)
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => [`${directory}/${name.slice(0, -'.ts'.length)}`, `test/${directory}/${name}`]),
);
await bundle('build/test', Object.fromEntries(tests), { ssh2: LEFT_OUT });
