// Regenerates the CustomResourceDefinitions from the schema of manifests, after a build.
// Usage: tools/custom-resources
import { writeFileSync } from 'node:fs';

const root = new URL('..', import.meta.url);
const { definitionFiles } = await import(new URL('build/src/kubernetes/crd-files.js', root));
for (const [name, text] of definitionFiles()) writeFileSync(new URL(`packaging/kubernetes/crds/${name}`, root), text);
