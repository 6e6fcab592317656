import { debuglog } from 'node:util';

interface Whereabouts {
  /** Byte position in the uncompressed archive (for a codec: in the compressed stream). */
  readonly offset?: number | undefined;
  /** The device, config or path concerned. */
  readonly entry?: string | undefined;
  /** What the user can do about it. */
  readonly hint?: string | undefined;
}

export interface ArchiveErrorDetails extends Whereabouts {
  readonly cause?: unknown;
}

/**
 * The one error class of the toolkit. `code` is stable and meant for programs (`VMA_EXTENT_CHECKSUM`);
 * `message` says what is wrong and where, in one line.
 */
export class ArchiveError extends Error {
  readonly code: string;
  readonly offset: number | undefined;
  readonly entry: string | undefined;
  readonly hint: string | undefined;

  constructor(code: string, message: string, details: ArchiveErrorDetails = {}) {
    super(details.offset === undefined ? message : `${message} (at byte ${details.offset})`, {
      cause: details.cause,
    });
    this.name = 'ArchiveError';
    this.code = code;
    this.offset = details.offset;
    this.entry = details.entry;
    this.hint = details.hint;
  }
}

/** What can safely be passed over: reported to `onWarning`, never printed by a library. */
export interface ArchiveWarning extends Whereabouts {
  readonly code: string;
  readonly message: string;
  /** It is ordinary: nothing of worth is lost, and nobody has to look into it. */
  readonly isNotice?: boolean;
}

export type OnWarning = (warning: ArchiveWarning) => void;

/**
 * An error as it is, or, when it is the bare error of a system call (`EIO: i/o error, read`), one that says
 * what it happened to.
 * @param what the beginning of the sentence, as `drive-scsi0 cannot be read`
 */
export function failedCall(error: unknown, code: string, what: string, entry: string): unknown {
  if (error instanceof ArchiveError || !(error instanceof Error) || !('syscall' in error)) return error;
  return new ArchiveError(code, `${what}: ${error.message}`, { entry, cause: error });
}

/** Whether the system says that there is no such file. */
export function isNotFound(error: unknown): boolean {
  return (error as NodeJS.ErrnoException | undefined)?.code === 'ENOENT';
}

/**
 * Says on standard error what is being done, where `NODE_DEBUG=vzdump-format` asks for it, and costs next to
 * nothing elsewhere. The format is that of `util.format`.
 */
export const debugLog = debuglog('vzdump-format');
