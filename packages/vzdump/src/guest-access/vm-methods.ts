import { readFile } from 'node:fs/promises';
import { openDiskImage } from '@vzdump-format/disk';
import { imageLocks } from '@vzdump-format/posix';
import { driveMapEntry, driveVolume, type SelectedDrive, selectDrives } from '@vzdump-format/pve';
import { ArchiveError, debugLog } from '@vzdump-format/streams';
import type { GuestAccess, GuestContext, GuestDrive, GuestMethods, PreparedGuest } from './guest-access.js';

export interface VmMethodsOptions {
  /** Whether the disks of a virtual machine that runs are read as they are. */
  readonly forceRunning?: boolean | undefined;
  /** Where Proxmox VE keeps the process ids of those that run: `VMID.pid`. */
  readonly pidDirectory?: string | undefined;
}

const PID_DIRECTORY = '/var/run/qemu-server';

/** Ways to read virtual machines without help from QEMU. */
export function vmMethods({ forceRunning = false, pidDirectory = PID_DIRECTORY }: VmMethodsOptions = {}) {
  const methods: GuestMethods = {
    async isRunning({ vmid }, images) {
      const pidFile = `${pidDirectory}/${vmid}.pid`;
      const hasProcess = await isProcessOf(pidFile, vmid);
      debugLog('guest %d: %s names %s process of it', vmid, pidFile, hasProcess ? 'the' : 'no');
      if (hasProcess) return true;
      const written = images.find((image) => imageLocks(image) === 'written');
      if (written === undefined) return false;
      debugLog('guest %d: runs, as another program has %s open to write', vmid, written);
      return true; // a QEMU that something else has started
    },
    access({ vmid }, _mode, running) {
      if (!running) return stoppedVm;
      if (forceRunning) return runningVm;
      throw new ArchiveError(
        'GUEST_RUNNING',
        `VM ${vmid} is running, and its disks change while they are read`,
        {
          hint: 'shut it down, or, for what a crash would leave at best, give --force-running',
        },
      );
    },
  };
  return methods;
}

/**
 * Whether the process that the file names is the virtual machine's QEMU, which has `-id VMID` among its
 * arguments: it may have ended without removing the file, and another process got its number.
 */
async function isProcessOf(pidFile: string, vmid: number): Promise<boolean> {
  const pid = /^\d+/.exec(await textOf(pidFile))?.[0];
  if (pid === undefined) return false;
  return (await textOf(`/proc/${pid}/cmdline`)).includes(`\0-id\0${vmid}\0`);
}

/** Empty when there is no such file. */
async function textOf(path: string): Promise<string> {
  return readFile(path, 'latin1').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ESRCH') return '';
    throw error;
  });
}

/**
 * The disks of a virtual machine that runs, as they are while they are read: a part that is read late may
 * fit no part that was read early. Only for those who ask for it.
 */
export const runningVm: GuestAccess = {
  mode: 'snapshot',

  async prepare(context: GuestContext): Promise<PreparedGuest> {
    const drives = vmDrives(context);
    return {
      async open() {
        context.log.warn(
          `VM ${context.guest.vmid} runs while its disks are read: at best, the backup holds what a crash would have left`,
        );
        for (const phase of ['pre-stop', 'pre-restart', 'post-restart'] as const) await context.phase(phase);
        return { kind: 'disks', drives };
      },
      release: async () => {},
    };
  },
};

/** The disks of a virtual machine that does not run, as they are. */
export const stoppedVm: GuestAccess = {
  mode: 'stop',

  async prepare(context: GuestContext): Promise<PreparedGuest> {
    const drives = vmDrives(context);
    return {
      open: async () => ({ kind: 'disks', drives }),
      release: async () => {},
    };
  },
};

/**
 * The drives of a virtual machine that a backup holds, in the order of the archive; the log is told of them,
 * and of those that are left out. @throws `CONFIG_VALUE`, and `VOLUME_ID` and the like
 */
function vmDrives(context: GuestContext): readonly GuestDrive[] {
  const { config, log } = context;
  const { included, messages } = selectDrives(config);
  for (const message of messages) log.info(message);
  return included.map((drive) => vmDrive(drive, context));
}

function vmDrive(drive: SelectedDrive, { storages, node, signal }: GuestContext): GuestDrive {
  const volume = driveVolume(storages, drive, node);
  const { path, format } = volume;
  if (format === 'subvol') {
    throw new ArchiveError('VOLUME_ID', `${drive.key} is on a volume of files, not on an image of a disk`, {
      entry: drive.volume,
    });
  }
  return {
    name: drive.deviceName,
    open: () => openDiskImage(path, { format, signal }),
    mapEntry: driveMapEntry(drive, volume),
  };
}
