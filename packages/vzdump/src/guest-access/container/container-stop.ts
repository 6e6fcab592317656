import type { GuestAccess, GuestContext, PreparedGuest } from '../guest-access.js';
import { mountedVolumes } from '../mount/mounted-volumes.js';
import { UndoStack } from '../undo-stack.js';
import { containerVolumes } from './container-volumes.js';
import { GuestPause, stopping } from './guest-pause.js';
import type { Lxc } from './lxc.js';

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
