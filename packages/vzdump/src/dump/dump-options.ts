import type { Writable } from 'node:stream';
import type { GuestType, VzdumpOptions } from '@vzdump-format/pve';
import type { GuestMethods } from '../guest-access/guest-access.js';
import type { OnDumpEvent } from './dump-event.js';

/**
 * vzdump's options, by their names (`compress`, `prune-backups`), count like its command line; and besides:
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
  /** What is locked meanwhile; /var/run/vzdump.lock unless given. */
  readonly lockPath?: string | undefined;
  /**
   * Where the log of each guest's last backup is kept; /var/log/vzdump unless given, as far as it is there.
   */
  readonly logDirectory?: string | undefined;
  /** Whether the option `ionice` sets the I/O priority of this process, which keeps it. */
  readonly setsPriority?: boolean | undefined;
  /** In place of our own. */
  readonly methods?: Readonly<Partial<Record<GuestType, GuestMethods>>> | undefined;
  readonly onEvent?: OnDumpEvent | undefined;
  /** Ends it: the guest at hand is put back to what it was, and nothing that is not whole is left. */
  readonly signal?: AbortSignal | undefined;
}
