import type { ArchiveInput } from '@vzdump-format/archives';
import type { Codec } from '@vzdump-format/codecs';
import type { GuestType, IdentitySource } from '@vzdump-format/pve';
import type { OnProgress, OnWarning, WriteAt } from '@vzdump-format/streams';
import type { GuestMethods } from '../guest-access/guest-access.js';

export interface RestoreOptions {
  /**
   * A path, a volume's id (`local:backup/vzdump-…`), an archive in a store, or bytes in motion; any format
   * and codec that is known, told by its content.
   */
  readonly archive: ArchiveInput;
  /** The number that the guest gets, 100 to 999999999. */
  readonly vmid: number;
  /** The directory of Proxmox VE's configuration; /etc/pve unless given. */
  readonly pveRoot?: string | undefined;
  /** The storage for all volumes of which nothing else is said. */
  readonly storage?: string | undefined;
  /** Whether a guest of that number is replaced, once the new one is whole. */
  readonly force?: boolean | undefined;
  /** Whether the guest gets MAC addresses, and a machine a SMBIOS uuid, of its own. */
  readonly unique?: boolean | undefined;
  /** KiB/s, 0 for no limit; unless given, what the storages and datacenter.cfg say. */
  readonly bwlimit?: number | undefined;
  /** The pool that the guest becomes a member of. */
  readonly pool?: string | undefined;
  /** For a virtual machine. */
  readonly drives?: ReadonlyMap<string, string> | undefined;
  /**
   * For a container: rootfs and mount points by key. When there are any, those in the archive do not count.
   */
  readonly mountPoints?: ReadonlyMap<string, string> | undefined;
  /** For a container: values of the configuration that win over those in the archive, by key. */
  readonly overrides?: ReadonlyMap<string, string> | undefined;
  /** For a container; as in the archive unless given. */
  readonly unprivileged?: boolean | undefined;
  /** For a container: what was unpacked until an error counts as all there is. */
  readonly ignoreUnpackErrors?: boolean | undefined;
  /** Whether the lines of the archive's configuration that act on the host are left out. */
  readonly untrusted?: boolean | undefined;
  /** Whether the guest is started once it is whole, by Proxmox VE's own `qm` or `pct`. */
  readonly start?: boolean | undefined;
  /** Where LXC keeps its containers; LXC's default (`lxc.lxcpath`) unless given. */
  readonly lxcPath?: string | undefined;
  /** Where the contents of a split archive are, unless beside it. */
  readonly payload?: string | undefined;
  /** Whether the archive is read by its index, where it has one; yes unless given. */
  readonly useIndex?: boolean | undefined;
  /** Where that is, unless beside the archive or in the user's cache. */
  readonly indexDirectory?: string | undefined;
  /** Where new MAC addresses and uuids come from; random unless given. */
  readonly identity?: IdentitySource | undefined;
  /** How to tell whether a guest runs, in place of our own ways. */
  readonly methods?: Readonly<Partial<Record<GuestType, GuestMethods>>> | undefined;
  /** The largest window to allocate for decompression, as a power of two; see the codecs. */
  readonly maxWindowLog?: number | undefined;
  /** How files are written beside a codec; `writeFully` unless given. */
  readonly writerFor?: ((codec: Codec) => WriteAt) | undefined;
  readonly onEvent?: ((event: RestoreEvent) => void) | undefined;
  readonly onProgress?: OnProgress | undefined;
  readonly onWarning?: OnWarning | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What happens during a restore, in the order in which it does. */
export type RestoreEvent =
  /** The archive is open, and it is known what it holds. */
  | { readonly type: 'archive'; readonly guest: GuestType; readonly path: string | undefined }
  /** What a virtual machine's archive says that it holds. `ctime` in seconds since the epoch. */
  | {
      readonly type: 'contents';
      readonly configs: readonly { readonly name: string; readonly size: number }[];
      readonly devices: readonly { readonly id: number; readonly name: string; readonly size: number }[];
      readonly ctime: bigint;
    }
  /**
   * A line of the archive's configuration acts on the host: it is restored as it is, or left out
   * (`untrusted`).
   */
  | { readonly type: 'acts-on-host'; readonly line: string; readonly leftOut: boolean }
  /** The archive is read no faster. */
  | { readonly type: 'read-limit'; readonly kibPerSecond: number }
  /** A storage is written no faster. */
  | { readonly type: 'storage-limit'; readonly storage: string; readonly kibPerSecond: number }
  /**
   * A volume is made; it has its name when all is whole. Size in bytes, 0 for a directory without a limit.
   */
  | { readonly type: 'volume'; readonly volume: string; readonly path: string; readonly size: number }
  /** A drive of the archive goes to a volume or path. */
  | { readonly type: 'drive'; readonly device: string; readonly path: string; readonly writesZeros: boolean }
  /**
   * The drives are written. Bytes of them in all, those that are zeros, and those of these in clusters of
   * nothing else.
   */
  | {
      readonly type: 'drives-written';
      readonly bytes: number;
      readonly zeroBytes: number;
      readonly zeroClusterBytes: number;
    }
  /** A container's files are there. */
  | { readonly type: 'files-written'; readonly entries: number; readonly bytes: number }
  /** A volume of the guest that was replaced is gone. */
  | { readonly type: 'old-volume-removed'; readonly volume: string }
  /** A volume that belongs to the guest is in its configuration as `unusedN`. */
  | { readonly type: 'unused-volume'; readonly key: string; readonly volume: string }
  /** The guest is whole, and is about to be started. */
  | { readonly type: 'starting' }
  /** The restore has failed, and what it had made is gone. */
  | { readonly type: 'discarded'; readonly volume: string };

export interface RestoreResult {
  readonly type: GuestType;
  readonly vmid: number;
  /** Of the guest's configuration. */
  readonly configPath: string;
  /** Volumes by key: `scsi0` → `local:300/vm-300-disk-0.raw`. */
  readonly volumes: ReadonlyMap<string, string>;
  /** Bytes of drives, or of files, holes included. */
  readonly bytes: number;
}
