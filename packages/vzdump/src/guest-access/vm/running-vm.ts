import type { GuestAccess, GuestContext, PreparedGuest } from '../guest-access.js';
import { vmDrives } from './vm-drives.js';

/**
 * The disks of a virtual machine that runs, as they are while they are read: a part that is read late may fit
 * no part that was read early. Only for those who insist.
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
