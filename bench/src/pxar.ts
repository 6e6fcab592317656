import { randomFillSync } from 'node:crypto';
import { appendFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openPxar, unpackPxar } from '@vzdump-format/pxar';
import { type ByteSource, FileSource } from '@vzdump-format/streams';
import { type Contender, median, peakMemory, race, vzdumpFormat } from './measure.js';
import { printTable } from './table.js';
import { withWorkspace } from './workspace.js';

const KIB = 1024;
const MIB = 1 << 20;
const ROUNDS = 5;
const LOOKUPS = 1000;

/** Trees of small and of large files, packed and unpacked beside GNU tar; and what it takes to list and to find entries. */
export async function bench(): Promise<void> {
  await withWorkspace(async (directory) => {
    const small = join(directory, 'small');
    for (let index = 0; index < 20_000; index++) {
      const parent = join(small, `d${Math.floor(index / 100)}`);
      if (index % 100 === 0) mkdirSync(parent, { recursive: true });
      writeFileSync(join(parent, `file-${index}`), randomFillSync(Buffer.alloc(4 * KIB)));
    }
    await benchTree(directory, '20,000 × 4 KiB', small);
    await benchInside(join(directory, 'small.pxar'));
    rmSync(join(directory, 'small.pxar'));
    rmSync(small, { recursive: true });

    const large = join(directory, 'large');
    mkdirSync(large);
    const content = randomFillSync(Buffer.alloc(16 * MIB)); // what this process has counts as its children's peak
    for (let index = 0; index < 4; index++) {
      const path = join(large, `file-${index}`);
      for (let part = 0; part < 16; part++) appendFileSync(path, content);
    }
    await benchTree(directory, '4 × 256 MiB', large);
    rmSync(large, { recursive: true });
  });
}

async function benchTree(directory: string, title: string, root: string): Promise<void> {
  const [tar, pxar, mpxar, unpacked] = [`${root}.tar`, `${root}.pxar`, `${root}.mpxar`, `${root}-out`];
  const removed =
    (...paths: readonly string[]) =>
    () => {
      for (const path of paths) rmSync(path, { recursive: true, force: true });
    };
  const fresh = () => {
    removed(unpacked)();
    mkdirSync(unpacked);
  };
  const contenders: Contender[] = [
    { name: 'tar: pack', command: ['tar', '-cf', tar, '-C', root, '.'], reset: removed(tar) },
    { name: 'pxar: pack', command: vzdumpFormat('pack', pxar, '--root', root), reset: removed(pxar) },
    {
      name: 'split: pack',
      command: vzdumpFormat('pack', mpxar, '--root', root),
      reset: removed(mpxar, `${root}.ppxar`),
    },
    { name: 'tar: unpack', command: ['tar', '-xf', tar, '-C', unpacked], reset: fresh },
    { name: 'pxar: unpack', command: vzdumpFormat('unpack', pxar, '--to', unpacked), reset: fresh },
    { name: 'split: unpack', command: vzdumpFormat('unpack', mpxar, '--to', unpacked), reset: fresh },
    { name: 'pxar: list', command: vzdumpFormat('list', pxar), reset: () => {} },
    { name: 'start-up alone', command: vzdumpFormat('--version'), reset: () => {} },
  ];
  const seconds = await race(contenders, ROUNDS);
  const rows = [[title, 'seconds', '× tar', 'peak RSS, MiB']];
  for (const [index, contender] of contenders.entries()) {
    const beside = contender.name.endsWith(': pack')
      ? 0
      : contender.name.endsWith(': unpack')
        ? 3
        : undefined;
    const ratio = beside === undefined ? '' : (seconds[index]! / seconds[beside]!).toFixed(2);
    const isOurs = contender.command[0] === process.execPath;
    const peak = isOurs ? (await peakMemory(contender, directory)).toFixed(0) : '';
    rows.push([contender.name, seconds[index]!.toFixed(3), ratio, peak]);
  }
  printTable(rows);
  console.log();
  removed(tar, mpxar, `${root}.ppxar`, unpacked)();
}

/** Counts what is read of a source. */
class CountedSource implements ByteSource {
  bytes = 0;

  constructor(private readonly source: ByteSource) {}

  get size(): number {
    return this.source.size;
  }

  async read(buffer: Uint8Array, offset: number): Promise<number> {
    const read = await this.source.read(buffer, offset);
    this.bytes += read;
    return read;
  }

  close(): Promise<void> {
    return this.source.close();
  }
}

/** Listing, and finding entries, in a process that runs already. */
async function benchInside(archive: string): Promise<void> {
  const source = new CountedSource(await FileSource.open(archive));
  const rows = [['20,000 entries, warm', 'milliseconds', 'bytes read']];
  const measure = async (name: string, work: () => Promise<unknown>) => {
    const times: number[] = [];
    for (let round = 0; round <= ROUNDS; round++) {
      source.bytes = 0;
      const started = performance.now();
      await work();
      if (round > 0) times.push(performance.now() - started);
    }
    rows.push([name, median(times).toFixed(1), String(source.bytes)]);
  };
  await measure('list', async () => {
    for await (const { path } of unpackPxar(source, { metadataOnly: true, reuseBuffers: true })) path.length;
  });
  await measure(`look up ${LOOKUPS} paths`, async () => {
    const opened = await openPxar(source);
    for (let index = 0; index < LOOKUPS; index++) {
      const path = pathAt((index * 7919) % 20_000);
      if ((await opened.lookup(path)) === undefined) throw new Error(`${path} is not found`);
    }
  });
  await source.close();
  printTable(rows);
  console.log();
}

function pathAt(index: number): string {
  return `d${Math.floor(index / 100)}/file-${index}`;
}
