import { setImmediate } from 'node:timers/promises';

/** A turn of the event loop is due after this many milliseconds of work, well below what a user would notice. */
const TURN_EVERY = 10;

/**
 * For what computes or waits on the main thread: `await` alone only runs microtasks, so a stage whose source and
 * consumer are as busy as itself would starve timers and sockets. `turn` lets them run when it is time.
 */
export class EventLoopTurns {
  private turnedAt = performance.now();

  /** Whether it is time: to ask costs less than to await `turn` for nothing, which shows where steps are tiny. */
  get isDue(): boolean {
    return performance.now() - this.turnedAt >= TURN_EVERY;
  }

  async turn(): Promise<void> {
    if (!this.isDue) return;
    await setImmediate();
    this.turnedAt = performance.now();
  }
}
