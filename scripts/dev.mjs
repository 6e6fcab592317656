// Watches the sources: builds what changed, and runs the tests that import what changed.
import { existsSync, watch } from 'node:fs';
import { join } from 'node:path';
import { buildChanged, PACKAGES, ROOT, run } from './build-changed.mjs';

/** How long it is waited for further files that are saved together, in milliseconds. */
const TOGETHER = 200;

const changed = new Set();
let timer;

buildChanged();
for (const folder of PACKAGES.flatMap((one) => [join(one, 'src'), join(one, 'test')])) {
  if (!existsSync(join(ROOT, folder))) continue;
  watch(join(ROOT, folder), { recursive: true }, (_event, name) => {
    if (!name?.endsWith('.ts')) return;
    changed.add(join(folder, name));
    clearTimeout(timer);
    timer = setTimeout(buildAndTest, TOGETHER);
  });
}
console.log('Waiting for changes in packages/ and formats/; Ctrl-C ends');

function buildAndTest() {
  const paths = [...changed].filter((path) => existsSync(join(ROOT, path)));
  changed.clear();
  console.log(`Changed: ${paths.join(', ')}`);
  if (!buildChanged() || paths.length === 0) return;
  run(process.execPath, 'node_modules/vitest/vitest.mjs', 'related', '--run', '--passWithNoTests', ...paths);
}
