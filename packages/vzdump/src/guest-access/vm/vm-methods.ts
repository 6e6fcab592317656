import { readFile } from 'node:fs/promises';
import { imageLocks } from '@vzdump-format/posix';
import { ArchiveError, debugLog } from '@vzdump-format/streams';
import type { GuestMethods } from '../guest-access.js';
import { runningVm } from './running-vm.js';
import { stoppedVm } from './stopped-vm.js';

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
