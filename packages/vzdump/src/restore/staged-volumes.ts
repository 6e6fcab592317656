import { printableName } from '@vzdump-format/posix';
import type { OnWarning } from '@vzdump-format/streams';
import type { RestoreEvent } from './restore-options.js';
import type { StagedVolume } from './volumes/staged-volume.js';

/** The volumes that a restore makes: all of them in the end, or none. */
export class StagedVolumes {
  private readonly volumes: StagedVolume[] = [];

  constructor(
    private readonly tell: (event: RestoreEvent) => void,
    private readonly onWarning: OnWarning | undefined,
  ) {}

  /** @param size in bytes, for the one who watches */
  add<Volume extends StagedVolume>(volume: Volume, size: number): Volume {
    this.volumes.push(volume);
    this.tell({ type: 'volume', volume: volume.volume, path: volume.path, size });
    return volume;
  }

  async commit(): Promise<void> {
    for (const volume of this.volumes) await volume.commit();
  }

  /** They are a guest's now, and not to be taken away. */
  async release(): Promise<void> {
    for (const volume of this.volumes.splice(0)) await volume.release?.();
  }

  /** Takes them away, the last one first, and says so. What cannot be is a warning. */
  async discard(): Promise<void> {
    for (const staged of this.volumes.splice(0).reverse()) {
      const { volume } = staged;
      try {
        await staged.remove();
        this.tell({ type: 'discarded', volume });
      } catch (error) {
        const message = `${printableName(volume)} could not be removed: ${(error as Error).message}`;
        this.onWarning?.({ code: 'RESTORE_LEFTOVER', message, entry: volume });
      }
    }
  }
}
