import { constants } from 'node:fs';
import { open, readdir, readlink, unlink } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { bytesToPath, ifThere, lockFile, pathToBytes } from '@vzdump-format/posix';
import { ArchiveError, type OnWarning } from '@vzdump-format/streams';
import {
  formatGuestConfig,
  type GuestConfig,
  type GuestType,
  parseGuestConfig,
} from '../guest/guest-config.js';
import { type DatacenterConfig, parseDatacenterConfig } from '../storage/datacenter-config.js';
import { parseStorageConfig, type StorageConfig } from '../storage/storage-config.js';
import { type KnownGuests, type Pools, parsePools } from '../vzdump/select-guests.js';
import { readConfigFile, writeConfigFile } from './config-file.js';

/** A guest that has a configuration. */
export interface Guest {
  readonly vmid: number;
  readonly type: GuestType;
  /** Of its configuration. */
  readonly configPath: string;
}

export interface PveRootOptions {
  /** This node's name; unless given, what the link `local` says, else the host's. */
  readonly node?: string | undefined;
  readonly onWarning?: OnWarning | undefined;
}

export const DEFAULT_PVE_ROOT = '/etc/pve';

const FOLDERS: Readonly<Record<GuestType, string>> = { qemu: 'qemu-server', lxc: 'lxc' };

/**
 * The directory of Proxmox VE's configuration, /etc/pve:
 *
 * ```
 * qemu-server/VMID.conf  lxc/VMID.conf  firewall/VMID.fw  storage.cfg  datacenter.cfg  user.cfg
 * nodes/NODE/qemu-server/VMID.conf      nodes/NODE/lxc/VMID.conf     guests of all nodes
 * local -> nodes/NODE
 * ```
 *
 * What is not there, but for a guest's configuration, counts as empty.
 */
export class PveRoot {
  /** The configurations that were read. */
  private readonly known = new Set<string>();

  private constructor(
    readonly directory: string,
    /** This node's name. */
    readonly node: string,
    private readonly onWarning: OnWarning | undefined,
  ) {}

  /** @throws `PVE_ROOT` when it is not a directory. */
  static async open(directory = DEFAULT_PVE_ROOT, options: PveRootOptions = {}): Promise<PveRoot> {
    await readdir(directory).catch((cause: unknown) => {
      throw new ArchiveError(
        'PVE_ROOT',
        `there is no configuration of Proxmox VE: ${(cause as Error).message}`,
        {
          entry: directory,
          hint: 'say where it is: --pve-root DIR',
          cause,
        },
      );
    });
    const node = options.node ?? (await linkedNode(directory)) ?? hostname().split('.')[0]!;
    return new PveRoot(directory, node, options.onWarning);
  }

  /** The guests of this node, by number; a number that stands for two of them is there twice. */
  async guests(): Promise<readonly Guest[]> {
    const guests = await guestsIn(this.directory);
    return guests.sort((one, other) => one.vmid - other.vmid);
  }

  /** The guest of that number. @throws `GUEST_UNKNOWN`, `GUEST_AMBIGUOUS` */
  async guest(vmid: number): Promise<Guest> {
    const found = await this.findGuest(vmid);
    if (found !== undefined) return found;
    throw new ArchiveError('GUEST_UNKNOWN', `unable to find VM '${vmid}'`, {
      hint: `there is neither ${FOLDERS.qemu}/${vmid}.conf nor ${FOLDERS.lxc}/${vmid}.conf in ${this.directory}`,
    });
  }

  /**
   * The guest of that number, if there is one. @throws `GUEST_AMBIGUOUS` when there are two, one of each type
   */
  async findGuest(vmid: number): Promise<Guest | undefined> {
    const [found, other] = (await this.guests()).filter((guest) => guest.vmid === vmid);
    if (other === undefined) return found;
    throw new ArchiveError('GUEST_AMBIGUOUS', `${vmid} is both a virtual machine and a container`, {
      entry: other.configPath,
      hint: 'one of the two has to get another number, or to go',
    });
  }

  /**
   * Does something while nobody else adds guests through this class, so that a number that is free stays so.
   */
  async exclusively<Result>(action: () => Promise<Result>, signal?: AbortSignal): Promise<Result> {
    return withDirectoryLocked(this.directory, action, signal);
  }

  /** The guests that can be asked for, and those on other nodes. */
  async knownGuests(): Promise<KnownGuests> {
    const local = [...new Set((await this.guests()).map(({ vmid }) => vmid))];
    const nodes = await namesIn(join(this.directory, 'nodes'));
    const others = await Promise.all(
      nodes.filter((node) => node !== this.node).map((node) => guestsIn(join(this.directory, 'nodes', node))),
    );
    return { local, external: others.flat().map(({ vmid }) => vmid), pools: await this.pools() };
  }

  configPath(type: GuestType, vmid: number): string {
    return join(this.directory, FOLDERS[type], `${vmid}.conf`);
  }

  firewallPath(vmid: number): string {
    return join(this.directory, 'firewall', `${vmid}.fw`);
  }

  /** Reads a guest's configuration. Warnings of it are given the first time. */
  async readConfig({ type, configPath }: Guest): Promise<GuestConfig> {
    const bytes = await readConfigFile(configPath);
    const onWarning = this.known.has(configPath) ? undefined : this.onWarning;
    this.known.add(configPath);
    return parseGuestConfig(bytesToPath(bytes), type, { file: configPath, onWarning });
  }

  /**
   * Writes a guest's configuration, whole or not at all.
   * @throws `FILE_EXISTS` unless `overwrite`
   */
  async writeConfig(vmid: number, config: GuestConfig, options: { overwrite?: boolean } = {}): Promise<void> {
    const path = this.configPath(config.type, vmid);
    await this.writeFile(path, pathToBytes(formatGuestConfig(config)), options);
  }

  /** A guest's firewall rules; `undefined` when it has no file of them. */
  async readFirewall(vmid: number): Promise<Uint8Array | undefined> {
    return ifThere(readConfigFile(this.firewallPath(vmid)));
  }

  /** @throws `FILE_EXISTS` unless `overwrite` */
  async writeFirewall(vmid: number, rules: Uint8Array, options: { overwrite?: boolean } = {}): Promise<void> {
    await this.writeFile(this.firewallPath(vmid), rules, options);
  }

  /** Removes a guest's configuration and firewall rules, as far as they are there. */
  async removeGuest(type: GuestType, vmid: number): Promise<void> {
    await ifThere(unlink(this.configPath(type, vmid)));
    await ifThere(unlink(this.firewallPath(vmid)));
  }

  async storages(): Promise<StorageConfig> {
    return parseStorageConfig(...(await this.text('storage.cfg')));
  }

  async datacenter(): Promise<DatacenterConfig> {
    return parseDatacenterConfig(...(await this.text('datacenter.cfg')));
  }

  async pools(): Promise<Pools> {
    const [text] = await this.text('user.cfg');
    return parsePools(text);
  }

  /** @throws `FILE_EXISTS` unless `overwrite` */
  async writeFile(path: string, bytes: Uint8Array, options: { overwrite?: boolean }): Promise<void> {
    await writeConfigFile(path, bytes, { ...options, onWarning: this.onWarning });
  }

  private async text(name: string): Promise<[string, { file: string; onWarning: OnWarning | undefined }]> {
    const file = join(this.directory, name);
    return [
      bytesToPath((await ifThere(readConfigFile(file))) ?? new Uint8Array()),
      { file, onWarning: this.onWarning },
    ];
  }
}

async function guestsIn(directory: string): Promise<Guest[]> {
  const types = Object.keys(FOLDERS) as GuestType[];
  const found = await Promise.all(
    types.map(async (type) => {
      const folder = join(directory, FOLDERS[type]);
      const names = await namesIn(folder);
      return names.flatMap((name): Guest[] => {
        const vmid = /^([1-9]\d{2,8})\.conf$/.exec(name)?.[1];
        return vmid === undefined ? [] : [{ vmid: Number(vmid), type, configPath: join(folder, name) }];
      });
    }),
  );
  return found.flat();
}

async function linkedNode(directory: string): Promise<string | undefined> {
  return readlink(join(directory, 'local')).then(
    (target) => basename(target),
    () => undefined,
  );
}

async function namesIn(directory: string): Promise<readonly string[]> {
  return (await ifThere(readdir(directory))) ?? [];
}

/** Between two attempts to lock the directory, in milliseconds. */
const LOCK_PAUSE = 20;

/**
 * Does something while no other process does so that locks the same directory (flock(2)). Where the file
 * system has no locks, it is done without one.
 * @throws the signal's reason, while it waits
 */
async function withDirectoryLocked<Result>(
  path: string,
  action: () => Promise<Result>,
  signal?: AbortSignal,
): Promise<Result> {
  const directory = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    while (isLockedByOthers(directory.fd)) await sleep(LOCK_PAUSE, undefined, { signal });
    return await action();
  } finally {
    await directory.close();
  }
}

function isLockedByOthers(fd: number): boolean {
  try {
    return !lockFile(fd, { exclusive: true });
  } catch {
    return false;
  }
}
