// Imports each package that is installed beside this file, alone in a process of its own, and requires it
// likewise.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const SCOPE = '@vzdump-format';
const names = readdirSync(new URL(`node_modules/${SCOPE}`, import.meta.url)).map(
  (name) => `${SCOPE}/${name}`,
);
for (const name of names) {
  run(name, 'module', `import * as all from '${name}'; console.log(Object.keys(all).length);`);
  run(name, 'commonjs', `console.log(Object.keys(require('${name}')).length);`);
}
console.log(`Node.js ${process.versions.node}: ${names.length} packages, imported and required`);

function run(name, type, program) {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['--no-warnings', `--input-type=${type}`, '--eval', program],
    { cwd: fileURLToPath(new URL('.', import.meta.url)), encoding: 'utf8' },
  );
  if (status === 0 && Number(stdout) > 0) return;
  console.error(`${name} cannot be used as ${type}: ${stderr}`);
  process.exit(1);
}
