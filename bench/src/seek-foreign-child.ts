import { createHash } from 'node:crypto';
import { openUncompressed } from '@vzdump-format/archives';
import { readInOrder } from '@vzdump-format/codecs';

const READS = 200;
const READ_SIZE = 4096;

/**
 * Reads a compressed file by its index. `random`: 4 KiB in 200 places, and tells how many milliseconds each
 * took on average; `whole`: all of it; `hash`: likewise, and tells its SHA-1.
 */
const [path, what] = process.argv.slice(2);
const content = await openUncompressed(path!, { maxWindowLog: 31 });
if (what === 'random') {
  const buffer = Buffer.alloc(READ_SIZE);
  let seed = 1;
  const started = performance.now();
  for (let count = 0; count < READS; count++) {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
    await content.read(buffer, Math.floor((seed / 2 ** 32) * (content.size - READ_SIZE)));
  }
  process.stdout.write(((performance.now() - started) / READS).toFixed(1));
} else {
  const hash = createHash('sha1');
  for await (const chunk of readInOrder(content)) if (what === 'hash') hash.update(chunk);
  if (what === 'hash') process.stdout.write(hash.digest('hex'));
}
await content.close();
