import { rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type Contender, GIB, MIB, peakMemory, printTable, race, vzdumpFormat } from './measure.js';
import { makeImage, warmMemory, withWorkspace } from './workspace.js';

const ROUNDS = 5;
/** More than any contender writes. */
const WARMED = 2 * GIB;

/** Packing, unpacking and verifying a VMA beside `cp --sparse=always` on the same image. */
export async function bench(): Promise<void> {
  await withWorkspace(async (directory) => {
    const image = join(directory, 'disk.raw');
    const archive = join(directory, 'vm.vma');
    makeImage(image, 2 * GIB, GIB);
    const contenders = contendersFor(directory, image, archive);
    const seconds = await race(contenders, ROUNDS);
    const [cp] = seconds as [number];
    const rows = [['2 GiB, half random, half zeros', 'seconds', '× cp', 'GB/s of archive', 'peak RSS, MiB']];
    for (const [index, contender] of contenders.entries()) {
      const rate = statSync(archive).size / seconds[index]! / 1e9;
      const peak = index === 0 ? '' : (await peakMemory(contender, directory)).toFixed(0);
      const figures = [seconds[index]!.toFixed(3), (seconds[index]! / cp).toFixed(2), rate.toFixed(2)];
      rows.push([contender.name, ...figures, peak]);
    }
    printTable(rows);
    await benchLargeSparse(directory);
  });
}

/** Memory must not grow with the image: 8 GiB with 64 MiB of data. */
async function benchLargeSparse(directory: string): Promise<void> {
  const image = join(directory, 'large.raw');
  const archive = join(directory, 'large.vma');
  makeImage(image, 8 * GIB, 64 * MIB, false);
  const contenders = contendersFor(directory, image, archive);
  const seconds = await race(contenders, 1);
  const rows = [['8 GiB sparse, 64 MiB of data', 'seconds', 'peak RSS, MiB']];
  for (const [index, contender] of contenders.entries()) {
    const peak = index === 0 ? '' : (await peakMemory(contender, directory)).toFixed(0);
    rows.push([contender.name, seconds[index]!.toFixed(3), peak]);
  }
  console.log();
  printTable(rows);
}

function contendersFor(directory: string, image: string, archive: string): Contender[] {
  const copy = join(directory, 'copy.raw');
  const unpacked = join(directory, 'unpacked');
  const resetTo = (made: readonly string[]) => () => {
    for (const path of [copy, unpacked, archive].filter((path) => !made.includes(path))) {
      rmSync(path, { recursive: true, force: true });
    }
    warmMemory(directory, WARMED);
  };
  return [
    {
      name: 'cp --sparse=always',
      command: ['cp', '--sparse=always', image, copy],
      reset: resetTo([archive]),
    },
    {
      name: 'pack',
      command: vzdumpFormat('pack', archive, '--drive', `drive-scsi0=${image}`),
      reset: resetTo([]),
    },
    {
      name: 'unpack',
      command: vzdumpFormat('unpack', archive, '--to', unpacked),
      reset: resetTo([archive]),
    },
    { name: 'verify', command: vzdumpFormat('verify', archive), reset: resetTo([archive]) },
  ];
}
