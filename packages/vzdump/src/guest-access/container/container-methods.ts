import {
  type BackupMode,
  type GuestAccess,
  type GuestContext,
  type GuestMethods,
  type PreparedGuest,
  UndoStack,
} from '../guest-access.js';
import { containerSnapshot } from './container-snapshot.js';
import { containerSuspend } from './container-suspend.js';
import { containerVolumes } from './container-volumes.js';
import { GuestPause, stopping } from './guest-pause.js';
import { Lxc, type LxcOptions } from './lxc.js';
import { mountedVolumes } from './mounted-volumes.js';

/** The mode `stop`: a container is stopped until the archive is made. One that does not run is only read. */
export function containerStop(lxc: Lxc): GuestAccess {
  return { mode: 'stop', prepare: (context) => prepare(lxc, context) };
}

async function prepare(lxc: Lxc, context: GuestContext): Promise<PreparedGuest> {
  const { isRunning, log, signal } = context;
  const { included } = await containerVolumes(context);
  const pause = new GuestPause(context, stopping(lxc, context), 'restarting vm');
  const undo = new UndoStack();
  return {
    async open() {
      signal?.throwIfAborted();
      if (isRunning) {
        log.info('stopping virtual guest');
        await context.phase('pre-stop');
        await pause.begin();
      }
      return mountedVolumes(included, context, undo);
    },
    async release() {
      await undo.run((error) => log.warn((error as Error).message));
      await pause.endAnyhow();
    },
  };
}

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
