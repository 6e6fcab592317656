import type { GuestType } from '@vzdump-format/pve';

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
  /** Bytes of the guest that were dealt with, and in all where that is known. */
  | {
      readonly type: 'progress';
      readonly vmid: number;
      readonly bytes: number;
      readonly total: number | undefined;
    }
  /** No more bytes will move: what the log still says is how it ended. */
  | { readonly type: 'progress-ended'; readonly vmid: number }
  | { readonly type: 'guest-ended'; readonly result: GuestResult };

export type LogLevel = 'info' | 'warn' | 'error';

export type OnDumpEvent = (event: DumpEvent) => void;

/** What came of a guest's backup. */
export interface GuestResult {
  readonly vmid: number;
  /** `undefined` when there is no such guest. */
  readonly type: GuestType | undefined;
  /** What the guest is called, by its configuration. */
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
