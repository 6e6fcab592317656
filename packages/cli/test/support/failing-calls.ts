import { readFile, rm } from 'node:fs/promises';
import { constants } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runTool } from '@vzdump-format/testing';
import { type CliResult, linesOf, runCli } from './running-cli.js';

const SOURCE = fileURLToPath(new URL('./failing-calls.c', import.meta.url));

/** The kinds of calls that can be made to fail: `name` is what gives a file its name, link and rename. */
export type Call = 'fsync' | 'name' | 'write' | 'close';

export interface Failure {
  readonly call: Call;
  /** Which of them, from 1; 0 is none. */
  readonly at: number;
  readonly error: 'EIO' | 'ENOSPC';
  /** The call does what it was to do, and fails nevertheless. */
  readonly done?: boolean;
}

/** A call that a run has made. */
export interface CalledOnce {
  readonly call: Call;
  /** `pwrite64 /path` */
  readonly text: string;
  readonly path: string;
}

/** The command line, some of whose calls on the files below a directory fail. */
export class FailingCli {
  private constructor(private readonly directory: string) {}

  /** @param directory for the library that makes them fail, and what that writes */
  static async make(directory: string): Promise<FailingCli> {
    const library = join(directory, 'failing-calls.so');
    await runTool('cc', '-shared', '-fPIC', '-O1', '-Wall', '-Werror', '-o', library, SOURCE, '-ldl');
    return new FailingCli(directory);
  }

  /**
   * @param under the directory whose files it is about
   * @returns with the result, the path that the call was about which has failed
   */
  async run(
    args: readonly string[],
    under: string,
    failure: Failure,
  ): Promise<CliResult & { readonly failed: string | undefined }> {
    const { call, at, error, done = false } = failure;
    const env = {
      LD_PRELOAD: join(this.directory, 'failing-calls.so'),
      UV_USE_IO_URING: '0',
      FAIL_UNDER: under,
      FAIL_CALL: call,
      FAIL_AT: String(at),
      FAIL_ERRNO: String(constants.errno[error]),
      FAIL_LOG: this.logOf(under),
      ...(done && { FAIL_DONE: '1' }),
    };
    await rm(this.logOf(under), { force: true });
    const result = await runCli(args, { env });
    return { ...result, failed: (await this.called(under))[at - 1]?.path };
  }

  /** The calls that a run makes which has no failure, in their order. */
  async count(args: readonly string[], under: string): Promise<readonly CalledOnce[]> {
    const { status, stderr } = await this.run(args, under, { call: 'fsync', at: 0, error: 'EIO' });
    if (status !== 0) throw new Error(`${args.join(' ')}: status ${status}: ${stderr}`);
    return this.called(under);
  }

  private async called(under: string): Promise<readonly CalledOnce[]> {
    const lines = linesOf(await readFile(this.logOf(under), 'utf8').catch(() => ''));
    return lines.map((line) => {
      const [, call = '', text = '', path = ''] = /^(\S+) (\S+ (.*))$/.exec(line) ?? [];
      return { call: call as Call, text, path };
    });
  }

  private logOf(under: string): string {
    return `${under}.calls`;
  }
}
