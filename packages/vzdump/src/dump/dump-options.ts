import type { Writable } from 'node:stream';
import type { GuestType, VzdumpOptions } from '@vzdump-format/pve';
import type { GuestMethods } from '../guest-access/guest-access.js';

/**
 * vzdump's options by their names (`compress`, `prune-backups`), which count as its command line does, and
 * these besides.
 */
export interface DumpOptions extends VzdumpOptions {
  /** The numbers of the guests; or `all`, `exclude` or `pool`. */
  readonly vmids?: readonly number[] | undefined;
  /** The directory of Proxmox VE's configuration; /etc/pve unless given. */
  readonly pveRoot?: string | undefined;
  /** vzdump.conf; unless given, the usual one, as far as it is there. */
  readonly configFile?: string | undefined;
  /** Where the archive goes with `stdout: true`; it is left open. */
  readonly output?: Writable | undefined;
  /** Whether the disks of virtual machines that run are read as they are. */
  readonly forceRunning?: boolean | undefined;
  /** Where LXC keeps its containers, each by the name of its id; LXC's own default unless given. */
  readonly lxcPath?: string | undefined;
  /** The file that is locked meanwhile; /var/run/vzdump.lock unless given. */
  readonly lockPath?: string | undefined;
  /**
   * Where the log of each guest's last backup is kept; /var/log/vzdump unless given, as far as it is there.
   */
  readonly logDirectory?: string | undefined;
  /** Whether the option `ionice` sets the I/O priority of this process, which keeps it. */
  readonly setsPriority?: boolean | undefined;
  /** Ways to access guests, in place of our own. */
  readonly methods?: Readonly<Partial<Record<GuestType, GuestMethods>>> | undefined;
  readonly onEvent?: OnDumpEvent | undefined;
  /** Ends it: the guest at hand is put back to what it was, and nothing that is not whole is left. */
  readonly signal?: AbortSignal | undefined;
}

/** What happens while guests are backed up. */
export type DumpEvent =
  /** A line of the log, as vzdump has it: of one guest, or of the job as a whole. */
  | {
      readonly type: 'log';
      readonly level: LogLevel;
      readonly message: string;
      readonly vmid: number | undefined;
    }
  /** @property position its turn among those of the job, from 1 on; @property count how many have one */
  | {
      readonly type: 'guest-started';
      readonly vmid: number;
      readonly position: number;
      readonly count: number;
    }
  /** Bytes of the guest that were dealt with so far, and their total where that is known. */
  | {
      readonly type: 'progress';
      readonly vmid: number;
      readonly bytes: number;
      readonly total: number | undefined;
    }
  /** No more bytes will move; what the log still has is how the backup ended. */
  | { readonly type: 'progress-ended'; readonly vmid: number }
  | { readonly type: 'guest-ended'; readonly result: GuestResult };

export type LogLevel = 'info' | 'warn' | 'error';

export type OnDumpEvent = (event: DumpEvent) => void;

/** What came of a guest's backup. */
export interface GuestResult {
  readonly vmid: number;
  /** `undefined` when there is no such guest. */
  readonly type: GuestType | undefined;
  /** The guest's name in its configuration. */
  readonly name: string | undefined;
  readonly state: 'ok' | 'failed';
  /** What went wrong; there can be an archive nevertheless, when it did so after that was whole. */
  readonly error: unknown;
  /** The archive's path; `undefined` where there is none, or it went to standard output. */
  readonly archive: string | undefined;
  /** Of the archive, in bytes. */
  readonly size: number;
  readonly seconds: number;
}

export interface DumpResult {
  readonly guests: readonly GuestResult[];
  /** How many warnings the log has. */
  readonly warnings: number;
}
