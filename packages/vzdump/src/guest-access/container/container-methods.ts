import type { BackupMode, GuestAccess, GuestMethods } from '../guest-access.js';
import { containerSnapshot } from './container-snapshot.js';
import { containerStop } from './container-stop.js';
import { containerSuspend } from './container-suspend.js';
import { Lxc, type LxcOptions } from './lxc.js';

const METHODS: Readonly<Record<BackupMode, (lxc: Lxc) => GuestAccess>> = {
  snapshot: containerSnapshot,
  suspend: containerSuspend,
  stop: containerStop,
};

/** How containers are accessed: through LXC, each in the mode asked for, or `stop` when it does not run. */
export function containerMethods(options: LxcOptions = {}): GuestMethods {
  const lxc = new Lxc(options);
  return {
    isRunning: async ({ vmid }) => (await lxc.state(vmid)) !== 'stopped',
    access: (_guest, mode, isRunning) => METHODS[isRunning ? mode : 'stop'](lxc),
  };
}
