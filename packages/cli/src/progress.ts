import { Meter } from '@vzdump-format/streams';
import { toJson } from './json.js';
import { standardError, type TextOutput } from './standard-error.js';
import { formatBytes, formatDuration } from './units.js';

/** How progress is told. */
export type ProgressMode = 'auto' | 'json' | 'none';

const REDRAW_MILLISECONDS = 200;
const JSON_MILLISECONDS = 1000;
const DEFAULT_COLUMNS = 80;

/** Tells how far the work is: a line that is redrawn on a terminal, or JSON lines. */
export class ProgressReport {
  private meter: Meter | undefined;
  private counted = 0;
  private toldAt = Number.NEGATIVE_INFINITY;
  private drawn = false;

  private readonly form: 'line' | 'json' | 'none';

  constructor(
    mode: ProgressMode,
    private readonly output: TextOutput = standardError,
  ) {
    this.form = mode === 'auto' ? (output.isTTY ? 'line' : 'none') : mode;
  }

  /** @param bytes dealt with so far; @param total in all, where that is known */
  readonly update = (bytes: number, total?: number): void => {
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

  /** Tells where the work stands in the end, and leaves the terminal's line; what follows counts from zero. */
  end(): void {
    if (this.meter !== undefined) this.tell(this.meter);
    this.leaveLine();
    this.meter = undefined;
    this.counted = 0;
    this.toldAt = Number.NEGATIVE_INFINITY;
  }

  /** Leaves the terminal's line, so that something else can be written. */
  leaveLine(): void {
    if (this.drawn) this.output.write('\n');
    this.drawn = false;
  }

  private tell(meter: Meter): void {
    const { bytes, total, elapsedSeconds, bytesPerSecond, remainingSeconds } = meter.progress;
    const percent = total === undefined ? undefined : total === 0 ? 100 : Math.floor((bytes / total) * 100);
    if (this.form === 'json') {
      const rounded = { elapsedSeconds, bytesPerSecond: Math.round(bytesPerSecond), remainingSeconds };
      this.output.write(`${toJson({ type: 'progress', percent, bytes, total, ...rounded })}\n`);
      return;
    }
    const done =
      total === undefined
        ? formatBytes(bytes)
        : `${String(percent).padStart(3)}% (${formatBytes(bytes)} of ${formatBytes(total)})`;
    const left = remainingSeconds === undefined ? '' : `, ${formatDuration(remainingSeconds)} left`;
    const rate = `in ${formatDuration(elapsedSeconds)}, ${formatBytes(bytesPerSecond)}/s${left}`;
    const line = `${done} ${rate}`.slice(0, (this.output.columns || DEFAULT_COLUMNS) - 1); // a wrapped line is not redrawn
    this.output.write(`\r${line}\x1b[K`);
    this.drawn = true;
  }
}
