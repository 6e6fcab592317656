import { randomFillSync } from 'node:crypto';
import { closeSync, ftruncateSync, mkdirSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  type Contender,
  GIB,
  MIB,
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

const ROUNDS = rounds(3);
const MAX_PEAK = 160;
/** More than most contenders write. */
const WARMED = 1.5 * GIB;

const NPM_PEERS = ['node-tar', 'tar-fs', 'modern-tar'];

interface Case {
  readonly name: string;
  /** Makes the tree. @returns where it is, when that is not the directory given */
  readonly make: (directory: string) => string | undefined;
  /** The most that our time may be of GNU tar's, if there is such a target. */
  readonly most?: { readonly pack: number; readonly unpack: number };
  readonly peers: readonly string[];
}

const CASES: readonly Case[] = [
  {
    name: '20,000 files of 4 KiB',
    make: makeSmallFiles,
    most: { pack: 1.5, unpack: 1.5 },
    peers: ['bsdtar', ...NPM_PEERS],
  },
  {
    name: '4 files of 256 MiB',
    make: makeLargeFiles,
    most: { pack: 1, unpack: 1 },
    peers: ['bsdtar', ...NPM_PEERS],
  },
  // What knows nothing of holes would write 10 GiB.
  {
    name: '10 GiB of holes, 64 MiB of data',
    make: makeSparseFile,
    most: { pack: 1, unpack: 1 },
    peers: ['bsdtar'],
  },
  // Sockets, hardlinks, odd names: the npm packages are for other trees.
  { name: '/usr', make: () => process.env.BENCH_TREE ?? '/usr', peers: ['bsdtar'] },
];

/**
 * Packing and unpacking trees beside GNU tar, bsdtar and the npm packages. `BENCH_CASES=1,3` chooses some.
 */
export async function bench(): Promise<void> {
  const chosen = process.env.BENCH_CASES?.split(',').map((number) => CASES[Number(number) - 1]!) ?? CASES;
  for (const one of chosen) await withWorkspace((directory) => benchCase(directory, one));
}

async function benchCase(directory: string, { name, make, most, peers }: Case): Promise<void> {
  const made = join(directory, 'tree');
  mkdirSync(made);
  const tree = make(made) ?? made;
  const archive = join(directory, 'archive.tar');
  const rows = [[name, 'seconds', 'without Node', '× GNU tar', 'target', 'peak RSS, MiB']];
  for (const direction of ['pack', 'unpack'] as const) {
    const contenders = contendersFor(direction, directory, tree, archive, peers);
    if (direction === 'unpack') await run(contendersFor('pack', directory, tree, archive, [])[1]!);
    const seconds = await race([...contenders, NODE_ALONE], ROUNDS);
    const nodeAlone = seconds.at(-1)!;
    const limit = most?.[direction];
    for (const [index, contender] of contenders.entries()) {
      const isOurs = index === 0;
      const ratio = seconds[index]! / seconds[1]!;
      const peak = isOurs ? await peakMemory(contender, directory) : undefined;
      rows.push([
        `${direction}: ${contender.name}`,
        seconds[index]!.toFixed(3),
        isOurs ? (seconds[index]! - nodeAlone).toFixed(3) : '',
        ratio.toFixed(2),
        isOurs && limit !== undefined ? verdict(`≤ ${limit.toFixed(1)}`, ratio <= limit) : '',
        peak === undefined ? '' : `${peak.toFixed(0)} (${verdict(`≤ ${MAX_PEAK}`, peak <= MAX_PEAK)})`,
      ]);
    }
  }
  console.log();
  printTable(rows);
}

/** Ours, GNU tar, and then the peers. What a contender writes is removed before the next one's turn. */
function contendersFor(
  direction: 'pack' | 'unpack',
  directory: string,
  tree: string,
  archive: string,
  peers: readonly string[],
): Contender[] {
  const isPack = direction === 'pack';
  const out = join(directory, isPack ? 'packed.tar' : 'unpacked');
  const reset = () => {
    for (const path of isPack ? [out, archive] : [out]) rmSync(path, { recursive: true, force: true });
    if (!isPack) mkdirSync(out);
    warmMemory(directory, WARMED);
  };
  const written = isPack && peers.length === 0 ? archive : out;
  const commands: Record<string, readonly string[]> = isPack
    ? {
        'vzdump-format': vzdumpFormat('pack', written, '--root', tree),
        'GNU tar': ['tar', 'cpf', written, ...TAR_FLAGS, '-C', tree, './'],
        bsdtar: ['bsdtar', '-cf', written, '--format=pax', '--acls', '--xattrs', '-C', tree, '.'],
      }
    : {
        'vzdump-format': vzdumpFormat('unpack', archive, '--to', out),
        'GNU tar': ['tar', 'xpf', archive, ...TAR_FLAGS, '-C', out, '--skip-old-files'],
        bsdtar: ['bsdtar', '-xpf', archive, '--acls', '--xattrs', '-C', out],
      };
  const child = fileURLToPath(new URL('./tar-child.js', import.meta.url));
  const commandOf = (name: string) =>
    commands[name] ??
    (isPack
      ? [process.execPath, child, name, 'pack', tree, written]
      : [process.execPath, child, name, 'unpack', out, archive]);
  return ['vzdump-format', 'GNU tar', ...peers].map((name) => ({ name, command: commandOf(name), reset }));
}

function makeSmallFiles(directory: string): undefined {
  const content = randomFillSync(Buffer.alloc(4096));
  for (let group = 0; group < 200; group++) {
    const path = join(directory, `directory-${group}`);
    mkdirSync(path);
    for (let file = 0; file < 100; file++) writeFileSync(join(path, `file-${file}`), content);
  }
}

function makeLargeFiles(directory: string): undefined {
  const content = randomFillSync(Buffer.alloc(256 * MIB));
  for (let file = 0; file < 4; file++) writeFileSync(join(directory, `file-${file}`), content);
}

function makeSparseFile(directory: string): undefined {
  const file = openSync(join(directory, 'disk.raw'), 'w');
  const content = randomFillSync(Buffer.alloc(MIB));
  for (let part = 0; part < 64; part++) writeSync(file, content, 0, MIB, part * 150 * MIB);
  ftruncateSync(file, 10 * GIB);
  closeSync(file);
}
