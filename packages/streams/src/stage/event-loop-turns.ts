import { setImmediate } from 'node:timers/promises';

/**
 * A turn of the event loop is due after this many milliseconds of work, well below what a user would notice.
 */
const TURN_EVERY = 10;
/** How often `isDue` looks at the clock, in milliseconds: a look can cost as much as a step. */
const LOOK_EVERY = 0.5;
/** Caps how many looks at the clock are skipped: a later step may be slower. */
const MAX_STEPS_UNSEEN = 15;

/**
 * For what computes or waits on the main thread: `await` alone only runs microtasks, so a stage whose source
 * and consumer are as busy as itself would starve timers and sockets. `turn` lets them run when it is time.
 */
export class EventLoopTurns {
  private turnedAt = performance.now();
  private lookedAt = this.turnedAt;
  /** Steps until the clock is looked at again, and how many there were to be. */
  private unseen = 0;
  private stepsUnseen = 0;

  /** Whether a turn is due. Where steps are tiny, this is cheaper than to await `turn` for nothing. */
  get isDue(): boolean {
    if (this.unseen > 0) {
      this.unseen--;
      return false;
    }
    const now = performance.now();
    const step = (now - this.lookedAt) / (this.stepsUnseen + 1);
    const most = Math.min(MAX_STEPS_UNSEEN, 2 * this.stepsUnseen + 1);
    this.stepsUnseen = Math.min(most, Math.floor(LOOK_EVERY / step));
    this.unseen = this.stepsUnseen;
    this.lookedAt = now;
    return now - this.turnedAt >= TURN_EVERY;
  }

  async turn(): Promise<void> {
    if (performance.now() - this.turnedAt < TURN_EVERY) return;
    await setImmediate();
    this.turnedAt = performance.now();
  }
}
