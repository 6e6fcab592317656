import { randomFillSync } from 'node:crypto';
import { appendFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openPxar, unpackPxar } from '@vzdump-format/pxar';
import { type ByteSource, FileSource } from '@vzdump-format/streams';
import {
  type Contender,
  GIB,
  MIB,
  median,
  NODE_ALONE,
  peakMemory,
  printTable,
  race,
  rounds,
  run,
  TAR_FLAGS,
  verdict,
  vzdumpFormat,
} from './measure.js';
import { warmMemory, withWorkspace } from './workspace.js';

const KIB = 1024;
const ROUNDS = rounds(5);
const LOOKUPS = 1000;
/** More than a contender writes. */
const WARMED = 1.5 * GIB;
/** The most that it may take to list 20,000 entries, in milliseconds, start-up aside. */
const MOST_FOR_LIST = 150;

/**
 * Trees of small and of large files, packed and unpacked beside GNU tar; and what it takes to list and to
 * find entries.
 */
export async function bench(): Promise<void> {
  await withWorkspace(async (directory) => {
    const startUp = await listingOfOneFile(directory);
    const small = join(directory, 'small');
    for (let index = 0; index < 20_000; index++) {
      const parent = join(small, `d${Math.floor(index / 100)}`);
      if (index % 100 === 0) mkdirSync(parent, { recursive: true });
      writeFileSync(join(parent, `file-${index}`), randomFillSync(Buffer.alloc(4 * KIB)));
    }
    await benchTree(directory, { title: '20,000 × 4 KiB', root: small, most: 1.5, startUp });
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
    await benchTree(directory, { title: '4 × 256 MiB', root: large, most: 0.9, startUp });
    rmSync(large, { recursive: true });
  });
}

interface Tree {
  readonly title: string;
  readonly root: string;
  /** The most that our time may be of GNU tar's. */
  readonly most: number;
  readonly startUp: Contender;
}

async function benchTree(directory: string, { title, root, most, startUp }: Tree): Promise<void> {
  const [tar, pxar, mpxar, unpacked] = [`${root}.tar`, `${root}.pxar`, `${root}.mpxar`, `${root}-out`];
  const removed =
    (...paths: readonly string[]) =>
    () => {
      for (const path of paths) rmSync(path, { recursive: true, force: true });
      warmMemory(directory, WARMED);
    };
  const fresh = () => {
    removed(unpacked)();
    mkdirSync(unpacked);
  };
  const contenders: Contender[] = [
    { name: 'tar: pack', command: ['tar', 'cpf', tar, ...TAR_FLAGS, '-C', root, './'], reset: removed(tar) },
    { name: 'pxar: pack', command: vzdumpFormat('pack', pxar, '--root', root), reset: removed(pxar) },
    {
      name: 'split: pack',
      command: vzdumpFormat('pack', mpxar, '--root', root),
      reset: removed(mpxar, `${root}.ppxar`),
    },
    { name: 'tar: unpack', command: ['tar', 'xpf', tar, ...TAR_FLAGS, '-C', unpacked], reset: fresh },
    { name: 'pxar: unpack', command: vzdumpFormat('unpack', pxar, '--to', unpacked), reset: fresh },
    { name: 'split: unpack', command: vzdumpFormat('unpack', mpxar, '--to', unpacked), reset: fresh },
    { name: 'pxar: list', command: vzdumpFormat('list', pxar) },
    startUp,
    NODE_ALONE,
  ];
  const seconds = await race(contenders, ROUNDS);
  const secondsOf = (name: string) => seconds[contenders.findIndex((contender) => contender.name === name)]!;
  const rows = [[title, 'seconds', 'without Node', '× tar', 'target', 'peak RSS, MiB']];
  for (const [index, { name, command }] of contenders.entries()) {
    const taken = seconds[index]!;
    const row = [name, taken.toFixed(3), '', '', '', ''];
    const isOurs = command[0] === process.execPath;
    const [, work] = name.split(': ');
    if (isOurs) row[2] = (taken - secondsOf(NODE_ALONE.name)).toFixed(3);
    if (work === 'pack' || work === 'unpack') {
      const ratio = taken / secondsOf(`tar: ${work}`);
      row[3] = ratio.toFixed(2);
      if (isOurs) row[4] = verdict(`≤ ${most}`, ratio <= most);
    } else if (work === 'list' && title.startsWith('20,000')) {
      const milliseconds = (taken - secondsOf(startUp.name)) * 1000;
      row[4] = verdict(
        `${milliseconds.toFixed(0)} ms of work ≤ ${MOST_FOR_LIST}`,
        milliseconds <= MOST_FOR_LIST,
      );
    }
    if (isOurs) row[5] = (await peakMemory(contenders[index]!, directory)).toFixed(0);
    rows.push(row);
  }
  printTable(rows);
  console.log();
  removed(tar, mpxar, `${root}.ppxar`, unpacked)();
}

/** Which is little more than to start. */
async function listingOfOneFile(directory: string): Promise<Contender> {
  const root = join(directory, 'one');
  mkdirSync(root);
  writeFileSync(join(root, 'file'), '');
  const archive = `${root}.pxar`;
  await run({ name: 'pack 1 file', command: vzdumpFormat('pack', archive, '--root', root) });
  return { name: 'pxar: list 1 file', command: vzdumpFormat('list', archive) };
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
    for await (const { path } of unpackPxar(source, { metadataOnly: true })) path.length;
  });
  await measure(`look up ${LOOKUPS} paths`, async () => {
    const opened = await openPxar(source);
    for (let index = 0; index < LOOKUPS; index++) {
      const path = pathAt((index * 7919) % 20_000);
      if ((await opened.stat(path)) === undefined) throw new Error(`${path} is not found`);
    }
  });
  await source.close();
  printTable(rows);
  console.log();
}

function pathAt(index: number): string {
  return `d${Math.floor(index / 100)}/file-${index}`;
}
