import type { GuestAccess, GuestContext, PreparedGuest } from '../guest-access.js';
import { vmDrives } from './vm-drives.js';

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
