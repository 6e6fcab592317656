import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';

/** The program under test, as it is built. */
export const CLI = fileURLToPath(new URL('../../bin/vzdump-format.js', import.meta.url));

export interface CliResult {
  /** `null` when a signal ended it. */
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

export interface CliOptions {
  readonly stdin?: Uint8Array;
  readonly cwd?: string;
  /** In place of those of the same names. */
  readonly env?: Readonly<Record<string, string>>;
  /** Makes it the leader of a process group, as a shell does. */
  readonly detached?: boolean;
}

/** A command line under way. */
export interface RunningCli {
  readonly child: ChildProcessByStdio<Writable, Readable, Readable>;
  /** Resolves when it has ended and all its output was read. */
  readonly ended: Promise<CliResult>;
}

/**
 * Starts the program; its standard input stays open. `readsOutput: false` leaves standard output to the
 * caller.
 */
export function startCli(
  args: readonly string[],
  options: CliOptions & { readsOutput?: boolean } = {},
): RunningCli {
  const { cwd, detached = false, readsOutput = true } = options;
  const env = { ...process.env, ...options.env };
  const child = spawn(process.execPath, [CLI, ...args], { cwd, env, detached, stdio: 'pipe' });
  const stdout: Buffer[] = [];
  let stderr = '';
  if (readsOutput) child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  child.stdin.on('error', () => {}); // it may end without having read all
  const ended = new Promise<CliResult>((resolve, reject) => {
    child.on('error', reject);
    child.on(readsOutput ? 'close' : 'exit', (status, signal) => {
      resolve({ status, signal, stdout: Buffer.concat(stdout), stderr });
    });
  });
  return { child, ended };
}

/** Runs the program to its end, with `stdin` (nothing, unless given) on its standard input. */
export async function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  const { child, ended } = startCli(args, options);
  child.stdin.end(options.stdin);
  return ended;
}

/** As `runCli`, for what must succeed. @returns what it wrote to standard output */
export async function runCliWell(args: readonly string[], options: CliOptions = {}): Promise<Buffer> {
  const { status, stdout, stderr } = await runCli(args, options);
  if (status !== 0) throw new Error(`vzdump-format ${args.join(' ')}: status ${status}: ${stderr}`);
  return stdout;
}

/** The document that `--json` makes a command print. */
export async function runCliForJson(args: readonly string[], options: CliOptions = {}): Promise<unknown> {
  return JSON.parse((await runCliWell([...args, '--json'], options)).toString());
}

/** The lines of standard error. */
export function linesOf(text: string): string[] {
  return text.split('\n').filter((line) => line !== '');
}

/** The last line of standard error, which `--json` makes the error. */
export function errorDocument({ stderr }: CliResult): Readonly<Record<string, unknown>> {
  return JSON.parse(linesOf(stderr).at(-1) ?? 'null');
}
