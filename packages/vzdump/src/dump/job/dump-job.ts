import type { Writable } from 'node:stream';
import type { CompressChoice } from '@vzdump-format/codecs';
import type {
  DirectoryStorage,
  EffectiveOptions,
  GuestType,
  PveRoot,
  StorageConfig,
} from '@vzdump-format/pve';
import type { BackupStore } from '@vzdump-format/stores';
import type { GuestMethods } from '../../guest-access/guest-access.js';
import type { OnDumpEvent } from '../dump-event.js';
import type { HookScript } from '../hook-script.js';
import type { JobLog } from './job-log.js';
import type { Journal } from './journal.js';

/** Where archives go. */
export interface DumpTarget {
  readonly storage: DirectoryStorage | undefined;
  /** That of the store, as hook scripts are told it. */
  readonly directory: string | undefined;
  /** Of archives, logs and notes; `undefined` where all goes to standard output. */
  readonly store: BackupStore | undefined;
  /** Where the archive goes, instead of into a file. */
  readonly output: Writable | undefined;
}

/** What the backups of a job's guests have in common. */
export interface DumpJob {
  readonly root: PveRoot;
  readonly storages: StorageConfig;
  readonly options: EffectiveOptions;
  readonly target: DumpTarget;
  readonly compression: CompressChoice;
  readonly hooks: HookScript;
  readonly methods: Readonly<Record<GuestType, GuestMethods>>;
  readonly journal: Journal;
  readonly log: JobLog;
  /** Where guests' logs are kept. */
  readonly logDirectory: string | undefined;
  /** Is given each guest's log, for a mail. */
  readonly onGuestLog: ((vmid: number, text: string | undefined) => void) | undefined;
  readonly onEvent: OnDumpEvent | undefined;
  readonly signal: AbortSignal | undefined;
}
