import { rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  capture,
  GIB,
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
import { withWorkspace } from './workspace.js';

const ROUNDS = rounds(5);
/** How much content an image or a tree has, in MiB; text has a quarter of it. */
const SIZE = Number(process.env.BENCH_MIB ?? 4096) * MIB;
const CHILD = fileURLToPath(new URL('./seek-foreign-child.js', import.meta.url));
const SPANS = ['32M', '8M'] as const;

/** What the content is made of: what is on this machine, as on any other. */
const TREES =
  'find /usr/lib /usr/share /usr/include -xdev -type f -print0 | sort -z | tar c --null -T - 2>/dev/null';
const TEXTS =
  "find /usr -xdev -type f '(' -name '*.h' -o -name '*.py' -o -name '*.js' -o -name '*.ts' -o -name '*.html' ')' -print0" +
  ' | sort -z | xargs -0 cat 2>/dev/null';

/** How each archive is made out of `content` on standard input. */
const ARCHIVES = [
  { name: 'image -3 -T2', content: 'image', flags: ['-3', '-T2'] },
  { name: 'image -3 --long=27', content: 'image', flags: ['-3', '-T2', '--long=27'] },
  { name: 'tree -3', content: 'tree', flags: ['-3', '-T2'] },
  { name: 'tree -3 --single-thread', content: 'tree', flags: ['-3', '--single-thread'] },
  { name: 'tree -9', content: 'tree', flags: ['-9', '-T2'] },
  { name: 'text -3', content: 'text', flags: ['-3', '-T2'] },
  { name: 'text -9', content: 'text', flags: ['-9', '-T2'] },
] as const;

/**
 * What an index costs of archives that `zstd` wrote as one frame, and what it gives: the time to make it, and
 * to read all of the content by it, beside `zstd -d > /dev/null`; its size; the time to read 4 KiB anywhere.
 * `BENCH_ONLY` names a part of the archives' names. All of the content is compared with what `zstd -d` gives.
 */
export async function benchForeign(): Promise<void> {
  await withWorkspace(async (directory) => {
    const rows = [['zstd', 'MiB', 'ratio', 'index × zstd -d', ...SPANS.map((span) => `MiB/GiB ${span}`)]];
    rows[0]!.push(...SPANS.map((span) => `4 KiB ${span}, ms`), 'whole × zstd -d', 'peak RSS, MiB');
    for (const { name, content, flags } of ARCHIVES) {
      if (!name.includes(process.env.BENCH_ONLY ?? '')) continue;
      const path = join(directory, `${content}.zst`);
      await makeContent(directory, content);
      await runInShell(`zstd -qf ${flags.join(' ')} '${join(directory, content)}' -o '${path}'`);
      const { size } = statSync(join(directory, content));
      rmSync(join(directory, content));
      rows.push([name, (size / MIB).toFixed(0), (size / statSync(path).size).toFixed(1)]);
      rows.at(-1)!.push(...(await measured(directory, path, size)));
    }
    printTable(rows);
    console.log();
  });
}

async function makeContent(directory: string, content: 'image' | 'tree' | 'text'): Promise<void> {
  const path = join(directory, content);
  if (content === 'tree') await runInShell(`${TREES} | head -c ${SIZE} > '${path}'`);
  if (content === 'text') await runInShell(`${TEXTS} | head -c ${SIZE / 4} > '${path}'`);
  if (content !== 'image') return;
  const root = join(directory, 'root');
  await runInShell(
    `mkdir '${root}'; ${TREES} | head -c ${SIZE / 2} | tar x -C '${root}' 2>/dev/null || true`,
  );
  await runInShell(
    `truncate -s ${SIZE} '${path}'; PATH=$PATH:/sbin mke2fs -qF -t ext4 -d '${root}' '${path}'`,
  );
  rmSync(root, { recursive: true });
}

/** The columns behind the ratio. */
async function measured(directory: string, path: string, size: number): Promise<string[]> {
  const tool = { name: 'zstd -d', command: shell(`zstd -qdc --long=31 '${path}' > /dev/null`) };
  const index = (span: string) => ({
    name: 'index',
    command: vzdumpFormat('index', '--force', '--quiet', '--span', span, path),
  });
  const whole = { name: 'whole', command: [process.execPath, CHILD, path, 'whole'] };
  const [alone, making] = await race([tool, index(SPANS[0]), NODE_ALONE], ROUNDS);
  const sizes: string[] = [];
  const reads: string[] = [];
  for (const span of SPANS) {
    await run(index(span));
    sizes.push((statSync(`${path}.idx`).size / MIB / (size / GIB)).toFixed(2));
    reads.push(await capture([process.execPath, CHILD, path, 'random']));
  }
  await run(index(SPANS[0]));
  const [aloneAgain, all] = await race([tool, whole], ROUNDS);
  await requireSame(path);
  const peak = await peakMemory(index(SPANS[0]), directory);
  return [
    (making! / alone!).toFixed(2),
    ...sizes,
    ...reads,
    (all! / aloneAgain!).toFixed(2),
    peak.toFixed(0),
  ];
}

async function requireSame(path: string): Promise<void> {
  const ours = await capture([process.execPath, CHILD, path, 'hash']);
  const theirs = await capture(shell(`zstd -qdc --long=31 '${path}' | sha1sum | head -c 40`));
  if (ours !== theirs) throw new Error(`${path}: the content by its index is another than zstd -d gives`);
}

async function runInShell(line: string): Promise<void> {
  await run({ name: 'sh', command: shell(line) });
}
