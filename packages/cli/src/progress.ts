import { Meter } from '@vzdump-format/streams';
import { formatBytes, formatDuration } from './units.js';

/** How progress is told. */
export type ProgressMode = 'auto' | 'json' | 'none';

const REDRAW_MILLISECONDS = 200;
const JSON_MILLISECONDS = 1000;

/** Tells how far the work is: a line that is redrawn on a terminal, or JSON lines. */
export class ProgressReport {
  private meter: Meter | undefined;
  private counted = 0;
  private toldAt = 0;
  private drawn = false;

  private readonly form: 'line' | 'json' | 'none';

  constructor(
    mode: ProgressMode,
    private readonly output: NodeJS.WriteStream = process.stderr,
  ) {
    this.form = mode === 'auto' ? (output.isTTY ? 'line' : 'none') : mode;
  }

  /** @param bytes dealt with so far; @param total in all */
  readonly update = (bytes: number, total: number): void => {
    if (this.form === 'none') return;
    this.meter ??= new Meter(total);
    this.meter.add(bytes - this.counted);
    this.counted = bytes;
    const now = performance.now();
    const pause = this.form === 'json' ? JSON_MILLISECONDS : REDRAW_MILLISECONDS;
    if (now - this.toldAt < pause) return;
    this.toldAt = now;
    this.tell(this.meter);
  };

  /** Tells where the work stood last, and leaves the terminal's line. */
  end(): void {
    if (this.meter !== undefined) this.tell(this.meter);
    if (this.drawn) this.output.write('\n');
    this.meter = undefined;
    this.counted = 0;
    this.toldAt = 0;
    this.drawn = false;
  }

  private tell(meter: Meter): void {
    const { bytes, total = 0, elapsedSeconds, bytesPerSecond, remainingSeconds } = meter.progress;
    const percent = total === 0 ? 100 : Math.floor((bytes / total) * 100);
    if (this.form === 'json') {
      const rounded = { elapsedSeconds, bytesPerSecond: Math.round(bytesPerSecond), remainingSeconds };
      this.output.write(`${JSON.stringify({ type: 'progress', percent, bytes, total, ...rounded })}\n`);
      return;
    }
    const done = `${String(percent).padStart(3)}% (${formatBytes(bytes)} of ${formatBytes(total)})`;
    const left = remainingSeconds === undefined ? '' : `, ${formatDuration(remainingSeconds)} left`;
    const rate = `in ${formatDuration(elapsedSeconds)}, ${formatBytes(bytesPerSecond)}/s${left}`;
    this.output.write(`\r${done} ${rate}\x1b[K`);
    this.drawn = true;
  }
}
