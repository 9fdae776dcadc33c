/**
 * Bundles the programs into build/program: Node.js opens a handful of files instead of hundreds, which it takes half a
 * second over. Parts that are imported later are chunks of their own.
 */
import { rmSync } from 'node:fs';
import { build } from 'esbuild';

const DIRECTORY = 'build/program';

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

rmSync(DIRECTORY, { recursive: true, force: true });
await build({
  entryPoints: {
    hauberkd: 'src/main.ts',
    hauberk: 'src/cli/main.ts',
    'control/dry-run-worker': 'src/control/dry-run-worker.ts',
  },
  outdir: DIRECTORY,
  // Side by side, so that each finds what the build makes at the same place.
  chunkNames: '[name]-[hash]',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  sourcemap: true,
  logLevel: 'warning',
  // Of a package with both, the form that can be followed: one of them asks for its parts by a function of its own.
  mainFields: ['module', 'main'],
  // They look for machine code beside themselves.
  external: ['koffi', 'classic-level/binding.js'],
  plugins: [namedBinding],
  alias: {
    // Docker is asked over a socket of this host, and never to build: neither SSH nor descriptions in .proto are needed.
    ssh2: './tools/left-out.mjs',
    '@grpc/proto-loader': './tools/left-out.mjs',
  },
  // CommonJS packages ask for Node.js's own modules by it.
  banner: {
    js: "import { createRequire as createRequireOfBundle } from 'node:module';\nconst require = createRequireOfBundle(import.meta.url);",
  },
});
