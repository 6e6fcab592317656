import { execFile, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** A command to be timed. */
export interface Contender {
  readonly name: string;
  readonly command: readonly string[];
  /** Files for its standard input and output; none unless given. */
  readonly stdin?: string;
  readonly stdout?: string;
  /** Puts things back to where they were before it ran; not timed. */
  readonly reset?: () => void;
}

export const MIB = 1 << 20;
export const GIB = 1 << 30;

/** How often contenders are timed, unless BENCH_ROUNDS says otherwise: with 1 for a look. */
export function rounds(usual: number): number {
  return Number(process.env.BENCH_ROUNDS ?? usual);
}

/** As a column of targets has it. */
export function verdict(target: string, isMet: boolean): string {
  return `${target}: ${isMet ? 'met' : 'missed'}`;
}

/** The command line of this project, as an argument list. */
export function vzdumpFormat(...args: readonly string[]): string[] {
  return [process.execPath, fileURLToPath(import.meta.resolve('vzdump-format/bin')), ...args];
}

/** A line of a shell, as an argument list. */
export function shell(line: string): string[] {
  return ['sh', '-c', line];
}

/** Node's start and end, without anything between. */
export const NODE_ALONE: Contender = {
  name: 'node alone',
  command: [process.execPath, '--eval', '0'],
};

/**
 * Without what makes Node load certificates at its start, for networks that no contender uses: it takes 30
 * ms.
 */
function environment(): NodeJS.ProcessEnv {
  const { NODE_EXTRA_CA_CERTS: _certificates, ...environment } = process.env;
  return environment;
}

/** Runs a command to its end. @returns seconds @throws Error when it fails */
export async function run(contender: Contender, env: NodeJS.ProcessEnv = environment()): Promise<number> {
  contender.reset?.();
  const stdin = contender.stdin === undefined ? 'ignore' : openSync(contender.stdin, 'r');
  const stdout = contender.stdout === undefined ? 'ignore' : openSync(contender.stdout, 'w');
  const [program, ...args] = contender.command;
  const started = performance.now();
  const child = spawn(program!, args, { stdio: [stdin, stdout, 'pipe'], env });
  let said = '';
  child.stderr!.on('data', (chunk) => {
    said += chunk;
  });
  const status = await new Promise((resolve, reject) => child.on('error', reject).on('close', resolve));
  const seconds = (performance.now() - started) / 1000;
  for (const file of [stdin, stdout]) if (typeof file === 'number') closeSync(file);
  if (status !== 0) throw new Error(`${contender.name} failed (${status}): ${said}`);
  return seconds;
}

/** What a command writes to its standard output. @throws Error when it fails */
export async function capture([program, ...args]: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(program!, args, { env: environment() });
  return stdout;
}

/** Times contenders in turn, a warm-up and then `rounds` of them all. @returns the median seconds of each */
export async function race(contenders: readonly Contender[], rounds: number): Promise<number[]> {
  const times: number[][] = contenders.map(() => []);
  for (let round = 0; round <= rounds; round++) {
    for (const [index, contender] of contenders.entries()) {
      const seconds = await run(contender);
      if (round > 0) times[index]!.push(seconds);
    }
  }
  return times.map(median);
}

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

/** The peak resident memory of one of our own runs, in MiB, as the kernel counts it (`ru_maxrss`). */
export async function peakMemory(contender: Contender, directory: string): Promise<number> {
  const report = join(directory, 'peak');
  const hook = new URL('./report-peak.js', import.meta.url).href;
  await run(contender, { ...environment(), NODE_OPTIONS: `--import=${hook}`, PEAK_REPORT: report });
  return Number(readFileSync(report, 'utf8')) / 1024;
}

/** Prints rows in columns, the first row as their headings. */
export function printTable(rows: readonly (readonly string[])[]): void {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  for (const [index, row] of rows.entries()) {
    console.log(`| ${row.map((cell, column) => cell.padEnd(widths[column]!)).join(' | ')} |`);
    if (index === 0) console.log(`|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`);
  }
}

/** The options that vzdump and pct restore give to tar. */
export const TAR_FLAGS = [
  ...['--one-file-system', '-p', '--sparse', '--numeric-owner', '--acls', '--xattrs'],
  ...['--xattrs-include=user.*', '--xattrs-include=security.capability'],
  ...['--warning=no-file-ignored', '--warning=no-xattr-write'],
];
