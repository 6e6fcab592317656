import { getSystemErrorMap } from 'node:util';
import { ArchiveError, type ArchiveWarning } from '@vzdump-format/streams';
import { UsageError } from './exit-status.js';

interface Told {
  readonly code: string | undefined;
  readonly message: string;
  readonly offset: number | undefined;
  readonly entry: string | undefined;
  readonly hint: string | undefined;
  readonly cause: unknown;
}

/** What there is to say of any error: ours, the system's, or one that should not have been. */
export function describeError(error: unknown): Told {
  const nothing = { code: undefined, offset: undefined, entry: undefined, hint: undefined, cause: undefined };
  if (error instanceof ArchiveError) {
    const { code, message, offset, entry, hint, cause } = error;
    return { code, message, offset, entry, hint, cause };
  }
  if (error instanceof UsageError)
    return { ...nothing, code: 'USAGE', message: error.message, hint: error.hint };
  if (!(error instanceof Error)) return { ...nothing, message: String(error) };
  const { code, errno, path, syscall } = error as NodeJS.ErrnoException;
  const reason = errno === undefined ? undefined : getSystemErrorMap().get(errno)?.[1];
  if (code === undefined || reason === undefined)
    return { ...nothing, message: error.message, cause: error.stack };
  const where = path ?? syscall ?? 'the system';
  return { ...nothing, code, entry: path, message: `${where}: ${reason}`, cause: error.message };
}

export interface MessageOptions {
  readonly json: boolean;
  readonly verbose: boolean;
}

/** Everything that is not data goes to stderr through this. */
export class Messages {
  /** Warnings given so far. */
  warnings = 0;

  constructor(
    private readonly options: MessageOptions,
    private readonly output: NodeJS.WritableStream = process.stderr,
  ) {}

  readonly warn = (warning: ArchiveWarning): void => {
    this.warnings++;
    if (this.options.json) this.writeJson('warning', { ...warning });
    else this.writeText(`vzdump-format: warning: ${warning.message}`, { ...warning, cause: undefined });
  };

  fail(error: unknown): void {
    const told = describeError(error);
    if (this.options.json) this.writeJson('error', told);
    else this.writeText(`vzdump-format: ${told.message}`, told);
  }

  private writeJson(type: string, { code, message, offset, entry, hint }: Partial<Told>): void {
    this.output.write(`${JSON.stringify({ type, code, message, offset, entry, hint })}\n`);
  }

  private writeText(first: string, told: { [key in keyof Told]?: Told[key] | undefined }): void {
    const lines = [first.replaceAll('\n', ' ')];
    if (told.hint !== undefined) lines.push(`hint: ${told.hint}`);
    if (this.options.verbose) {
      for (const key of ['code', 'offset', 'entry', 'cause'] as const) {
        if (told[key] !== undefined) lines.push(`${key}: ${told[key]}`);
      }
    }
    this.output.write(`${lines.join('\n')}\n`);
  }
}
