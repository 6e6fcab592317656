import { closeSync, mkdirSync, openSync, readdirSync, readSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type Contender,
  GIB,
  printTable,
  race,
  rounds,
  TAR_FLAGS,
  verdict,
  vzdumpFormat,
} from './measure.js';
import { makeImage, warmMemory, withWorkspace } from './workspace.js';

const ROUNDS = rounds(5);
/** The most that our time may be of the plain pipeline's. */
const MOST = 1.1;
/** More than any contender writes. */
const WARMED = 1.5 * GIB;
const FILES = 20_000;
const FILE_SIZE = 4096;

/** What vzdump gives to tar for a privileged container, too. */
const TAR_EXCLUDES = [
  ...['--no-anchored', '--anchored', '--exclude=./tmp/?*', '--exclude=./var/tmp/?*'],
  '--exclude=./var/run/?*.pid',
];

/** `dump` of a virtual machine and of a container to zstd, beside the plain pipelines of the real tools. */
export async function bench(): Promise<void> {
  await withWorkspace(async (directory) => {
    makeConfiguration(directory);
    const image = join(directory, 'storage/images/100/vm-100-disk-0.raw');
    makeImage(image, 2 * GIB, GIB);
    const out = join(directory, 'out.zst');
    await compare(directory, '2 GiB, half random, half zeros', [
      dumpOf(100, directory),
      pipeline('cat | zstd -T2', `cat '${image}' | zstd -q -T2 > '${out}'`),
    ]);
    rmSync(image);
    const root = join(directory, 'storage/images/101/subvol-101-disk-0.subvol');
    makeFiles(root);
    const config = ['-C', join(directory, 'tar'), './etc/vzdump/pct.conf', './etc/vzdump/pct.fw'];
    const tar = ['tar', 'cpf', '-', '--totals', ...TAR_FLAGS, ...config];
    const words = [...tar, '-C', root, ...TAR_EXCLUDES, './'];
    const quoted = words.map((word) => `'${word}'`).join(' ');
    await compare(directory, '20,000 files of 4 KiB', [
      dumpOf(101, directory),
      pipeline('tar | zstd -T2', `${quoted} | zstd -q -T2 > '${out}'`),
    ]);
  });
}

function dumpOf(vmid: number, directory: string): Contender {
  const own = ['--pve-root', join(directory, 'pve'), '--config', '/dev/null'];
  const lock = ['--lock-file', join(directory, 'lock'), '--dumpdir', join(directory, 'dump')];
  const command = vzdumpFormat('dump', `${vmid}`, '--compress', 'zstd', '--zstd', '2', ...own, ...lock);
  return { name: 'vzdump-format dump', command };
}

function pipeline(name: string, command: string): Contender {
  return { name, command: ['bash', '-c', `set -o pipefail && ${command}`] };
}

async function compare(directory: string, name: string, commands: readonly Contender[]): Promise<void> {
  const reset = () => {
    for (const file of readdirSync(join(directory, 'dump'))) rmSync(join(directory, 'dump', file));
    rmSync(join(directory, 'out.zst'), { force: true });
    warmMemory(directory, WARMED);
  };
  const contenders = commands.map((command) => ({ ...command, reset }));
  const [ours, plain] = (await race(contenders, ROUNDS)) as [number, number];
  const ratio = ours / plain;
  printTable([
    [name, 'seconds', '× the pipeline', 'target'],
    [contenders[0]!.name, ours.toFixed(3), ratio.toFixed(2), verdict(`≤ ${MOST}`, ratio <= MOST)],
    [contenders[1]!.name, plain.toFixed(3), '1.00', ''],
  ]);
  console.log();
}

/** A host with a virtual machine and a container, both stopped. */
function makeConfiguration(directory: string): void {
  for (const name of ['pve/qemu-server', 'pve/lxc', 'dump', 'storage/images/100', 'tar/etc/vzdump']) {
    mkdirSync(join(directory, name), { recursive: true });
  }
  const write = (name: string, text: string) => writeFileSync(join(directory, name), text);
  write('pve/storage.cfg', `dir: local\n\tpath ${join(directory, 'storage')}\n\tcontent images,rootdir\n`);
  write('pve/qemu-server/100.conf', 'name: web\nscsi0: local:100/vm-100-disk-0.raw,size=2G\n');
  const container = 'hostname: db\nrootfs: local:101/subvol-101-disk-0.subvol\n';
  write('pve/lxc/101.conf', container);
  write('tar/etc/vzdump/pct.conf', container);
  write('tar/etc/vzdump/pct.fw', '');
}

/** Each with another part of Node's own program, which compresses as programs do. */
function makeFiles(root: string): void {
  const program = openSync(process.execPath, 'r');
  const content = Buffer.alloc(FILE_SIZE);
  for (let number = 0; number < FILES; number++) {
    const directory = join(root, `directory-${Math.floor(number / 100)}`);
    if (number % 100 === 0) mkdirSync(directory, { recursive: true });
    readSync(program, content, 0, FILE_SIZE, number * FILE_SIZE);
    writeFileSync(join(directory, `file-${number % 100}`), content);
  }
  closeSync(program);
}
