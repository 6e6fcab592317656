import { constants } from 'node:os';
import type { Readable } from 'node:stream';
import { ArchiveError, debugLog } from '@vzdump-format/streams';
import { printableName } from '../path-text.js';

export interface RunLoggedOptions {
  /** Called with each line that it writes, as it comes, without the line feed. */
  readonly onLine: (line: string, stream: 'stdout' | 'stderr') => void;
  /** Its whole environment. */
  readonly env: NodeJS.ProcessEnv;
  /** For its standard input; nothing unless given. */
  readonly input?: string;
  /** Exit codes that count as success, beside 0. */
  readonly acceptedCodes?: readonly number[] | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A longer line is given to `onLine` in parts. In characters. */
const LONGEST_LINE = 64 * 1024;
/** How long a program may take to end when asked to, in milliseconds; then it is killed. */
const GRACE = 2000;

/**
 * Runs a program, without a shell, until it has ended and nobody writes to its output any more. It leads a
 * process group of its own: Ctrl-C on a terminal is for us to deal with, and an abort ends it with all that
 * it has started.
 * @throws `PROGRAM_FAILED`, `command '…' failed: exit code 2`; the signal's reason
 */
export async function runLogged(
  program: string,
  args: readonly string[],
  options: RunLoggedOptions,
): Promise<void> {
  const { env, input = '', acceptedCodes = [], onLine, signal } = options;
  signal?.throwIfAborted();
  debugLog('runs %j', [program, ...args]);
  const child = process
    .getBuiltinModule('node:child_process')
    .spawn(program, args, { detached: true, env, stdio: 'pipe' });
  child.stdin.on('error', () => {}); // it need not read all of it, or any
  child.stdin.end(input);
  for (const stream of ['stdout', 'stderr'] as const) {
    tellLines(child[stream], (line) => onLine(line, stream));
  }
  const ending = new Ending(child.pid);
  signal?.addEventListener('abort', ending.begin);
  try {
    const failure = await new Promise<string | undefined>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code, by) => {
        resolve(code !== null && acceptedCodes.includes(code) ? undefined : reasonOf(code, by));
      });
      child.on('exit', () => {
        if (!signal?.aborted) return;
        child.stdout.destroy(); // who is left with the other end need not be waited for
        child.stderr.destroy();
      });
    });
    signal?.throwIfAborted();
    if (failure !== undefined) throw failed(program, args, failure);
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof ArchiveError) throw error;
    throw failed(program, args, (error as Error).message, error);
  } finally {
    signal?.removeEventListener('abort', ending.begin);
    ending.over();
  }
}

/** Ends a process group: first asks, then insists. */
class Ending {
  private insisting: NodeJS.Timeout | undefined;

  constructor(private readonly group: number | undefined) {}

  readonly begin = (): void => {
    this.kill('SIGTERM');
    this.insisting = setTimeout(() => this.kill('SIGKILL'), GRACE);
  };

  over(): void {
    if (this.insisting !== undefined) this.kill('SIGKILL'); // what is left of the group
    clearTimeout(this.insisting);
  }

  private kill(signal: NodeJS.Signals): void {
    if (this.group === undefined) return;
    try {
      process.kill(-this.group, signal);
    } catch {} // it has ended
  }
}

function tellLines(stream: Readable, tell: (line: string) => void): void {
  let rest = '';
  stream.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop()!;
    lines.forEach(tell);
    if (rest.length > LONGEST_LINE) {
      tell(rest);
      rest = '';
    }
  });
  stream.on('close', () => {
    if (rest !== '') tell(rest);
    rest = '';
  });
}

function reasonOf(code: number | null, signal: NodeJS.Signals | null): string | undefined {
  if (signal !== null) return `got signal ${constants.signals[signal]}`;
  return code === 0 ? undefined : `exit code ${code}`;
}

function failed(program: string, args: readonly string[], why: string, cause?: unknown): ArchiveError {
  const command = printableName([program, ...args].map(shellQuote).join(' '));
  return new ArchiveError('PROGRAM_FAILED', `command '${command}' failed: ${why}`, { entry: program, cause });
}

/** A word as a shell reads it back, in quotes only where it needs them. */
export function shellQuote(word: string): string {
  return /^[\w!%+,\-./:=@^]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
