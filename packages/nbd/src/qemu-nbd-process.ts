import type { ChildProcessByStdio } from 'node:child_process';
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { ArchiveError, debugLog, isNotFound } from '@vzdump-format/streams';
import { oneLine } from './protocol.js';

const PROGRAM = 'qemu-nbd';
/** It hangs up, with this complaint, where it cannot read a part that it has begun to send. */
const GIVING_UP = 'Disconnect client, due to: ';
/** How much of the end of its standard error is kept. */
const MAX_COMPLAINT_SIZE = 4096;
/** How long it may take to end when asked to, before it is made to. */
const PATIENCE_MILLISECONDS = 2000;

/** A running `qemu-nbd`. Neither it nor its pipe keeps the program alive. */
export class QemuNbdProcess {
  /** Resolves when it has ended and all it wrote has been read, or when it could not be started. */
  readonly ended: Promise<void>;
  private readonly child: ChildProcessByStdio<null, null, Readable>;
  private complaint = Buffer.alloc(0);
  private startError: NodeJS.ErrnoException | undefined;
  private closed = false;

  /** @param path of the image, for messages. */
  constructor(
    args: readonly string[],
    private readonly path: string,
  ) {
    debugLog('runs %j', [PROGRAM, ...args]);
    this.child = process
      .getBuiltinModule('node:child_process')
      .spawn(PROGRAM, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    this.child.stderr.on('data', (bytes: Buffer) => {
      this.complaint = Buffer.concat([this.complaint, bytes]).subarray(-MAX_COMPLAINT_SIZE);
    });
    this.ended = new Promise((resolve) => {
      const end = () => {
        this.closed = true;
        resolve();
      };
      this.child.once('close', end).on('error', (error) => {
        if (this.child.pid !== undefined) return; // an error of something else than the start
        this.startError = error;
        end();
      });
    });
    this.keepAlive(false);
  }

  /** `undefined` when it could not be started. */
  get pid(): number | undefined {
    return this.child.pid;
  }

  get hasEnded(): boolean {
    return this.closed;
  }

  /** Ends it, by force when it does not follow, and waits until it is gone. */
  async end(): Promise<void> {
    if (this.closed) return;
    this.keepAlive(true);
    this.child.kill('SIGTERM');
    const force = setTimeout(() => this.child.kill('SIGKILL'), PATIENCE_MILLISECONDS);
    await this.ended;
    clearTimeout(force);
  }

  /** Why the image could not be opened, once the process has ended by itself. */
  startFailure(format: string): ArchiveError {
    if (isNotFound(this.startError)) {
      return new ArchiveError(
        'NBD_QEMU_MISSING',
        `${PROGRAM}, which reads ${format} images, is not installed`,
        {
          entry: this.path,
          hint: 'install it: Debian has it in the package qemu-utils, others in qemu-img or qemu',
          cause: this.startError,
        },
      );
    }
    const { error, advice } = this.complaints();
    const reason = this.startError?.message ?? error ?? this.howItEnded();
    return new ArchiveError('NBD_QEMU', `${PROGRAM} cannot open ${this.path} as ${format}: ${reason}`, {
      entry: this.path,
      hint: advice,
      cause: this.startError,
    });
  }

  /** Resolves when it has ended, or has not although it seemed about to. */
  async endSoon(): Promise<void> {
    const patience = new AbortController();
    const waited = sleep(PATIENCE_MILLISECONDS, undefined, { signal: patience.signal }).catch(() => {});
    await Promise.race([this.ended, waited]);
    patience.abort();
  }

  /** The error for a connection that broke while the image was being read. */
  async loss(cause: ArchiveError): Promise<ArchiveError> {
    await this.endSoon();
    const { error, advice } = this.complaints();
    const details = { entry: this.path, hint: advice, cause };
    if (error?.startsWith(GIVING_UP)) {
      const reason = error.slice(GIVING_UP.length);
      return new ArchiveError('NBD_QEMU', `${PROGRAM} gave up reading ${this.path}: ${reason}`, details);
    }
    const how = this.closed ? this.howItEnded() : 'closed the connection';
    const suffix = error === undefined ? '' : `: ${error}`;
    return new ArchiveError(
      'NBD_QEMU',
      `${PROGRAM} ${how} while ${this.path} was being read${suffix}`,
      details,
    );
  }

  private howItEnded(): string {
    const { signalCode, exitCode } = this.child;
    return signalCode === null ? `ended with status ${exitCode}` : `was ended by ${signalCode}`;
  }

  /** Its last complaint; the lines after it, without the program's name, are QEMU's advice. */
  private complaints(): { error: string | undefined; advice: string | undefined } {
    const lines = this.complaint.toString('latin1').split('\n').map(fromLatin1);
    const last = lines.findLastIndex((line) => line.startsWith(`${PROGRAM}: `));
    const advice = lines.slice(last + 1).filter((line) => line !== '');
    if (last === -1) return { error: advice.pop(), advice: undefined };
    // "qemu-nbd: Failed to blk_new_open '/the/path': reason"
    const error = lines[last]!.slice(PROGRAM.length + 2).replace(/^Failed to blk_new_open '.*?': /, '');
    return { error, advice: advice.length === 0 ? undefined : advice.join(' ') };
  }

  private keepAlive(keep: boolean): void {
    const pipe = this.child.stderr as Socket; // which it is, though the types do not tell
    if (keep) {
      this.child.ref();
      pipe.ref();
    } else {
      this.child.unref();
      pipe.unref();
    }
  }
}

function fromLatin1(line: string): string {
  return oneLine(Buffer.from(line, 'latin1'));
}
