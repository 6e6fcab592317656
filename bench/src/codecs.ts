import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { GIB, printTable, race, rounds } from './measure.js';
import { warmMemory, withWorkspace } from './workspace.js';

const KIB_PER_MIB = 1024;
const ROUNDS = rounds(3);
/** More than any contender's output and buffers. */
const WARMED = 1.25 * GIB;
const CHILD = fileURLToPath(new URL('./codec-child.js', import.meta.url));

/** 1 GiB of what disks hold: a tar of /usr, zeros, and noise. */
const MIX = `{ tar -C / -cf - usr 2>/dev/null | head -c 640M
  head -c 256M /dev/zero
  openssl enc -aes-128-ctr -K 00112233445566778899aabbccddeeff -iv 0 -in /dev/zero 2>/dev/null | head -c 128M; }`;

interface Comparison {
  readonly tool: string;
  readonly codec: string;
  readonly direction: 'compress' | 'decompress';
  readonly options?: object;
  /** Made beforehand from the mix, which is the input unless given. */
  readonly input?: string;
  /** From file to file; through pipes unless given. */
  readonly files?: boolean;
  /** The throughput to reach, as a multiple of the tool's. */
  readonly target: number;
}

const TWO = { threads: 2 };

const COMPARISONS: readonly Comparison[] = [
  { tool: 'zstd -q -T2', codec: 'zstd', direction: 'compress', options: TWO, files: true, target: 0.95 },
  { tool: 'zstd -q -T2', codec: 'zstd', direction: 'compress', options: TWO, target: 1.1 },
  { tool: 'zstd -qd', codec: 'zstd', direction: 'decompress', options: TWO, input: 'own.zst', target: 1.0 },
  { tool: 'zstd -qd', codec: 'zstd', direction: 'decompress', options: TWO, input: 'tool.zst', target: 0.8 },
  { tool: 'lzop', codec: 'lzo', direction: 'compress', options: TWO, files: true, target: 0.8 },
  { tool: 'lzop', codec: 'lzo', direction: 'compress', options: TWO, target: 1.1 },
  { tool: 'lzop -d', codec: 'lzo', direction: 'decompress', options: TWO, input: 'tool.lzo', target: 1.1 },
  { tool: 'gzip', codec: 'gzip', direction: 'compress', target: 1.2 },
  { tool: 'gzip -d', codec: 'gzip', direction: 'decompress', input: 'tool.gz', target: 2.0 },
  { tool: 'pigz -d', codec: 'gzip', direction: 'decompress', input: 'tool.gz', target: 1.4 },
  { tool: 'pigz -p2', codec: 'pigz', direction: 'compress', options: TWO, target: 1.1 },
];

/**
 * The codecs beside the real tools, both through pipes or both from file to file, in turn. `BENCH_CASES=1,3`
 * chooses some.
 */
export async function bench(): Promise<void> {
  const numbers = process.env.BENCH_CASES?.split(',');
  const chosen = numbers?.map((number) => COMPARISONS[Number(number) - 1]!) ?? COMPARISONS;
  await withWorkspace(async (directory) => {
    makeInputs(directory, chosen);
    const headings = [
      'tool',
      'by',
      'tool MiB/s',
      'ours',
      'ratio',
      'target',
      'size, tool',
      'ours',
      'RSS MiB',
      'delay ms',
    ];
    const rows = [headings];
    for (const comparison of chosen) rows.push(await compare(comparison, directory));
    printTable(rows);
  });
}

function makeInputs(directory: string, comparisons: readonly Comparison[]): void {
  const mix = join(directory, 'mix');
  const ours = `'${process.execPath}' '${CHILD}' zstd compress '${JSON.stringify(TWO)}' ${mix}`;
  const commands: Readonly<Record<string, (path: string) => string>> = {
    'own.zst': (path) => `${ours} ${path} /dev/null`,
    'tool.zst': (path) => `zstd -q -T2 ${mix} -o ${path}`,
    'tool.lzo': (path) => `lzop -c ${mix} > ${path}`,
    'tool.gz': (path) => `gzip -c ${mix} > ${path}`,
  };
  shell(`${MIX} > ${mix}`);
  for (const input of new Set(comparisons.map((comparison) => comparison.input))) {
    if (input !== undefined) shell(commands[input]!(join(directory, input)));
  }
}

async function compare(comparison: Comparison, directory: string): Promise<string[]> {
  const { tool, codec, direction, options = {}, files = false, target } = comparison;
  const input = join(directory, comparison.input ?? 'mix');
  const report = join(directory, 'report');
  const outputs = [join(directory, 'out-tool'), join(directory, 'out-own')] as const;
  const ours = (from: string, to: string) =>
    `'${process.execPath}' '${CHILD}' ${codec} ${direction} '${JSON.stringify(options)}' ${from} ${to} ${report}`;
  const commands = files
    ? [`${tool} -c ${input} > ${outputs[0]}`, ours(input, outputs[1])]
    : [
        `cat ${input} | ${tool} -c | cat > ${outputs[0]}`,
        `cat ${input} | ${ours('-', '-')} | cat > ${outputs[1]}`,
      ];
  const contenders = commands.map((command, index) => ({
    name: command,
    command: ['bash', '-o', 'pipefail', '-c', command],
    reset: () => {
      rmSync(outputs[index]!, { force: true });
      warmMemory(directory, WARMED);
    },
  }));
  const [toolSeconds, ourSeconds] = await race(contenders, ROUNDS);
  // By itself, as a write to a pipe blocks the event loop until the pipe is read.
  shell(ours(input, '/dev/null'));
  const { peakMiB, worstDelay } = JSON.parse(readFileSync(report, 'utf8')) as Record<string, number>;
  const sizes = outputs.map((path) =>
    (statSync(path).size / statSync(join(directory, 'mix')).size).toFixed(4),
  );
  for (const path of outputs) rmSync(path);
  const ratio = toolSeconds! / ourSeconds!;
  return [
    ...[`${tool}${comparison.input?.startsWith('own') ? ' (ours)' : ''}`, files ? 'files' : 'pipes'],
    ...[toolSeconds!, ourSeconds!].map((seconds) => (KIB_PER_MIB / seconds).toFixed(0)),
    ...[ratio.toFixed(2), `${ratio >= target ? '' : 'missed '}≥ ${target}`],
    ...(direction === 'compress' ? sizes : ['', '']),
    ...[peakMiB!.toFixed(0), worstDelay!.toFixed(0)],
  ];
}

function shell(command: string): void {
  const { status, stderr } = spawnSync('bash', ['-c', command]);
  if (status !== 0) throw new Error(`${command}: ${stderr}`);
}
