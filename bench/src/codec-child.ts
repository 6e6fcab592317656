import { closeSync, openSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { type CompressOptions, codec } from '@vzdump-format/codecs';
import { setPipeSize } from '@vzdump-format/posix';
import { FileSource, readChunks, readPipe, writeToFile, writeToStream } from '@vzdump-format/streams';

/** How often the event loop is looked at, in milliseconds. */
const TICK = 5;

/**
 * Runs one stage: codec, 'compress' or 'decompress', options, input and output ('-' for pipes), a file to
 * report to.
 */
async function run(args: readonly string[]): Promise<void> {
  const [name, direction, options, input, output, report] = args as [
    string,
    'compress' | 'decompress',
    string,
    string,
    string,
    string,
  ];
  let worstDelay = 0;
  let ticked = performance.now();
  const ticking = setInterval(() => {
    const now = performance.now();
    worstDelay = Math.max(worstDelay, now - ticked - TICK);
    ticked = now;
  }, TICK);

  // As the command line does.
  setPipeSize(0, 1 << 20);
  setPipeSize(1, 1 << 20);
  const file = input === '-' ? undefined : await FileSource.open(input);
  const source = file === undefined ? readPipe(0) : readChunks(file);
  const stageOptions: CompressOptions = { ...JSON.parse(options) };
  const chunks = codec(name)[direction](stageOptions)(source);
  if (output === '-') await writeToStream(chunks, process.stdout);
  else {
    closeSync(openSync(output, 'w'));
    const written = await open(output, 'r+');
    await writeToFile(chunks, written);
    await written.close();
  }
  await file?.close();
  clearInterval(ticking);
  const peakMiB = process.resourceUsage().maxRSS / 1024;
  writeFileSync(report, JSON.stringify({ peakMiB, worstDelay }));
}

await run(process.argv.slice(2));
