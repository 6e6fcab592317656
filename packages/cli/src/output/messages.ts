import { getSystemErrorMap } from 'node:util';
import { printableText } from '@vzdump-format/posix';
import { ArchiveError, type ArchiveWarning } from '@vzdump-format/streams';
import { LOG_PREFIXES, type LogLevel } from '@vzdump-format/vzdump';
import { UsageError } from './exit-status.js';
import { standardError, type TextOutput, toJson } from './output.js';

interface ErrorReport {
  readonly code: string | undefined;
  readonly message: string;
  readonly offset: number | undefined;
  readonly entry: string | undefined;
  readonly hint: string | undefined;
  readonly cause: unknown;
}

const NOTHING = { code: undefined, offset: undefined, entry: undefined, hint: undefined, cause: undefined };

/** What there is to say of any error: ours, the system's, or one that should not have been. */
export function describeError(error: unknown): ErrorReport {
  if (error instanceof ArchiveError) {
    const { code, message, offset, entry, hint, cause } = error;
    return { code, message, offset, entry, hint, cause };
  }
  if (error instanceof UsageError)
    return { ...NOTHING, code: 'USAGE', message: error.message, hint: error.hint };
  if (!(error instanceof Error)) return { ...NOTHING, message: String(error) };
  return describeSystemError(error) ?? { ...NOTHING, message: error.message, cause: error.stack };
}

function describeSystemError(error: NodeJS.ErrnoException): ErrorReport | undefined {
  const { code, errno, path, syscall, dest } = error as NodeJS.ErrnoException & { readonly dest?: string };
  const reason = errno === undefined ? undefined : getSystemErrorMap().get(errno)?.[1];
  if (code === undefined || reason === undefined) return undefined;
  const place = path ?? syscall ?? 'the system';
  const name = place === '' ? "''" : place;
  const where = dest === undefined ? name : `${name} → ${dest}`; // a file that was to get another name
  return { ...NOTHING, code, entry: path, message: `${where}: ${reason}`, cause: error.message };
}

export interface MessageOptions {
  readonly json: boolean;
  readonly verbose: boolean;
}

/**
 * Everything that is not data goes to stderr through this. Names that archives make up cannot control the
 * terminal.
 */
export class Messages {
  /** Warnings given so far. */
  warnings = 0;

  /** @param command whose help a usage error points to */
  constructor(
    private readonly options: MessageOptions,
    private readonly command?: string,
    private readonly output: TextOutput = standardError,
  ) {}

  /** Notices are told in the same way, and do not count. */
  readonly warn = (warning: ArchiveWarning): void => {
    const kind = warning.isNotice ? 'notice' : 'warning';
    if (kind === 'warning') this.warnings++;
    if (this.options.json) this.writeJson(kind, { ...warning });
    else this.writeText(`vzdump-format: ${kind}: ${warning.message}`, { ...warning, cause: undefined });
  };

  fail(error: unknown): void {
    const told = describeError(error);
    const hint = error instanceof UsageError ? (told.hint ?? this.whereToLook()) : told.hint;
    if (this.options.json) this.writeJson('error', { ...told, hint });
    else this.writeText(`vzdump-format: ${told.message}`, { ...told, hint });
  }

  inform(line: string): void {
    this.output.write(
      this.options.json ? `${toJson({ type: 'info', message: line })}\n` : `${printableText(line)}\n`,
    );
  }

  /** A line of a job's log, of one guest or of the whole; those of warnings count as such. */
  log(level: LogLevel, line: string, { vmid, show }: { vmid: number | undefined; show: boolean }): void {
    if (level === 'warn') this.warnings++;
    if (!show) return;
    const document = { type: 'log', level, vmid, message: line };
    this.output.write(
      this.options.json ? `${toJson(document)}\n` : `${LOG_PREFIXES[level]}: ${printableText(line)}\n`,
    );
  }

  private whereToLook(): string {
    return ['see vzdump-format', this.command, '--help'].filter((word) => word !== undefined).join(' ');
  }

  private writeJson(type: string, { code, message, offset, entry, hint }: Partial<ErrorReport>): void {
    this.output.write(`${toJson({ type, code, message, offset, entry, hint })}\n`);
  }

  private writeText(
    first: string,
    told: { [key in keyof ErrorReport]?: ErrorReport[key] | undefined },
  ): void {
    const lines = [printableText(first)];
    if (told.hint !== undefined) lines.push(`hint: ${printableText(told.hint)}`);
    if (this.options.verbose) {
      for (const key of ['code', 'offset', 'entry'] as const) {
        if (told[key] !== undefined) lines.push(printableText(`${key}: ${told[key]}`));
      }
      // which can be a stack, of many lines
      if (told.cause !== undefined) lines.push(...`cause: ${told.cause}`.split('\n').map(printableText));
    }
    this.output.write(`${lines.join('\n')}\n`);
  }
}
