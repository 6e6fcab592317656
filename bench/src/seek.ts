import { appendFileSync, copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  type Contender,
  MIB,
  NODE_ALONE,
  peakMemory,
  printTable,
  race,
  rounds,
  run,
  shell,
  vzdumpFormat,
} from './measure.js';
import { benchForeign } from './seek-foreign.js';
import { makeImage, withWorkspace } from './workspace.js';

const ROUNDS = rounds(5);
/** How large the archives are, uncompressed, in MiB. */
const SIZE = Number(process.env.BENCH_MIB ?? 4096) * MIB;
const FILE_SIZE = 64 * MIB;
const STRETCH = 64 * 1024;
const LAST = 'zz-last';
const CHILD = fileURLToPath(new URL('./seek-child.js', import.meta.url));

/**
 * What it takes to have one file at the end of a `.tar.zst`, and a stretch at the end of a drive in a
 * `.vma.zst`, beside decompressing all of it.
 */
export async function bench(): Promise<void> {
  await withWorkspace(async (directory) => {
    await benchFile(directory);
    await benchStretch(directory);
  });
  await benchForeign();
}

async function benchFile(directory: string): Promise<void> {
  const root = join(directory, 'root');
  mkdirSync(root);
  const content = join(directory, 'content');
  makeImage(content, FILE_SIZE, FILE_SIZE / 2);
  for (let size = 0; size < SIZE; size += FILE_SIZE) {
    const path = join(root, `file-${size}`);
    copyFileSync(content, path);
    appendFileSync(path, `${size}`);
  }
  writeFileSync(join(root, LAST), 'last');
  const archive = join(directory, 'root.tar.zst');
  await run({ name: 'pack', command: vzdumpFormat('pack', archive, '--root', root, '--threads', '2') });
  for (const path of [root, content]) rmSync(path, { recursive: true });
  await compare(directory, `the last file of ${SIZE / MIB} MiB in .tar.zst`, [
    { name: 'zstd -d | tar x', command: shell(`zstd -qdc '${archive}' | tar xf - --to-stdout './${LAST}'`) },
    { name: 'vzdump-format cat', command: vzdumpFormat('cat', archive, LAST) },
  ]);
  rmSync(archive);
}

async function benchStretch(directory: string): Promise<void> {
  const image = join(directory, 'disk.raw');
  makeImage(image, SIZE - FILE_SIZE, SIZE / 2);
  const end = join(directory, 'end');
  makeImage(end, FILE_SIZE, FILE_SIZE); // so that the stretch is data
  appendFileSync(image, readFileSync(end));
  rmSync(end);
  const archive = join(directory, 'disk.vma.zst');
  const drive = ['--drive', `drive-scsi0=${image}`];
  await run({ name: 'pack', command: vzdumpFormat('pack', archive, ...drive, '--threads', '2') });
  rmSync(image);
  await compareStretch(directory, archive, 'of ours');
  const foreign = join(directory, 'foreign.vma.zst');
  await run({ name: 'zstd', command: shell(`zstd -qdc '${archive}' | zstd -q -3 -T2 > '${foreign}'`) });
  rmSync(archive);
  await run({ name: 'index', command: vzdumpFormat('index', foreign) });
  await compareStretch(directory, foreign, 'in one frame, with an index');
  rmSync(foreign);
}

async function compareStretch(directory: string, archive: string, kind: string): Promise<void> {
  await compare(directory, `64 KiB of a drive of ${SIZE / MIB} MiB in .vma.zst ${kind}`, [
    { name: 'zstd -d | tail', command: shell(`zstd -qdc '${archive}' | tail -c ${STRETCH}`) },
    { name: 'by seeking', command: [process.execPath, CHILD, archive, 'drive-scsi0', `${STRETCH}`] },
  ]);
}

async function compare(
  directory: string,
  title: string,
  [tool, ours]: readonly [Contender, Contender],
): Promise<void> {
  const contenders = [tool, ours, NODE_ALONE];
  const seconds = await race(contenders, ROUNDS);
  const rows = [[title, 'seconds', '× the tool', 'peak RSS, MiB']];
  for (const [index, { name }] of contenders.entries()) {
    rows.push([name, seconds[index]!.toFixed(3), (seconds[index]! / seconds[0]!).toFixed(3), '']);
  }
  rows[2]![3] = (await peakMemory(ours, directory)).toFixed(0);
  printTable(rows);
  console.log();
}
