import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const STREAMS = fileURLToPath(new URL('../../dist/index.js', import.meta.url));

/** A program that reads its standard input with `readPipe`; `body` is what it does with `chunks`. */
function reader(body: string) {
  const program = `import { readPipe } from '${STREAMS}';
    const controller = new AbortController();
    const chunks = readPipe(0, controller.signal);
    ${body}`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  child.stdin.on('error', () => {}); // the reader may go before all is written
  const output: Buffer[] = [];
  child.stdout.on('data', (chunk) => output.push(chunk));
  const ended = once(child, 'close').then(() => Buffer.concat(output).toString());
  return { child, ended };
}

const DIGEST = `import { createHash } from 'node:crypto';
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of chunks) { hash.update(chunk); bytes += chunk.length; WAIT }
  console.log(bytes, hash.digest('hex'));`;

test.each([
  ['as fast as it comes', ''],
  ['by a reader that is slower', 'await new Promise(setImmediate); await new Promise(setImmediate);'],
])('all bytes, in order, %s', async (_, wait) => {
  const bytes = Buffer.alloc(5_000_001, Buffer.from(Array.from({ length: 997 }, (_, index) => index % 251)));
  const { child, ended } = reader(DIGEST.replace('WAIT', wait));
  for (let at = 0; at < bytes.length; at += 70_001) child.stdin.write(bytes.subarray(at, at + 70_001));
  child.stdin.end();
  expect(await ended).toBe(`${bytes.length} ${createHash('sha256').update(bytes).digest('hex')}\n`);
});

test('nothing is the end', async () => {
  const { child, ended } = reader(
    'for await (const chunk of chunks) console.log(chunk.length); console.log("end");',
  );
  child.stdin.end();
  expect(await ended).toBe('end\n');
});

test('whoever has enough can leave: the program ends though the pipe stays open', async () => {
  const { child, ended } = reader('for await (const chunk of chunks) { console.log(chunk.length); break; }');
  child.stdin.write('abc');
  expect(await ended).toBe('3\n');
});

test('an abort ends the waiting', async () => {
  const { child, ended } = reader(`setImmediate(() => controller.abort(new Error('enough')));
    try { for await (const chunk of chunks); } catch (error) { console.log(error.message); }`);
  expect(await ended).toBe('enough\n');
  child.stdin.destroy();
});
