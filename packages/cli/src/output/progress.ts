import { Meter } from '@vzdump-format/streams';
import { formatDuration, renderBytes } from '@vzdump-format/vzdump';
import { standardError, type TextOutput, toJson } from './output.js';

/** How progress is told. */
export type ProgressMode = 'auto' | 'json' | 'none';

/** What the progress is of, where a command has several such. */
export interface ProgressSubject {
  /** Stands before the line. */
  readonly text: string;
  /** Stands in the documents. */
  readonly document: Readonly<Record<string, number>>;
}

const REDRAW_MILLISECONDS = 200;
const JSON_MILLISECONDS = 1000;
const DEFAULT_COLUMNS = 80;
const ERASE = '\r\x1b[K';

/** Tells how far the work is: a line that is redrawn on a terminal, or JSON lines. */
export class ProgressReport {
  private meter: Meter | undefined;
  private subject: ProgressSubject | undefined;
  private counted = 0;
  private toldAt = Number.NEGATIVE_INFINITY;
  /** What stands on the terminal's last line. */
  private drawn: string | undefined;

  private readonly form: 'line' | 'json' | 'none';

  constructor(
    mode: ProgressMode,
    private readonly output: TextOutput = standardError,
  ) {
    this.form = mode === 'auto' ? (output.isTTY ? 'line' : 'none') : mode;
  }

  /** Says what is worked on from here on, until that ends. */
  begin(subject: ProgressSubject): void {
    this.subject = subject;
    if (this.form === 'line') this.draw(subject.text);
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

  /**
   * Tells where the work stands in the end; what follows counts from zero.
   * @param options.leavesLine whether the terminal's line stays
   */
  end({ leavesLine = true }: { readonly leavesLine?: boolean } = {}): void {
    if (this.form === 'line' && !leavesLine) {
      this.eraseLine();
    } else {
      if (this.meter !== undefined) this.tell(this.meter);
      this.leaveLine();
    }
    this.meter = undefined;
    this.subject = undefined;
    this.counted = 0;
    this.toldAt = Number.NEGATIVE_INFINITY;
  }

  /** Writes lines of something else, below which the terminal's line stays. */
  writeAbove(write: () => void): void {
    const { drawn } = this;
    this.eraseLine();
    write();
    if (drawn !== undefined) this.draw(drawn);
  }

  /** Leaves the terminal's line, so that something else can be written. */
  leaveLine(): void {
    if (this.drawn !== undefined) this.output.write('\n');
    this.drawn = undefined;
  }

  private eraseLine(): void {
    if (this.drawn !== undefined) this.output.write(ERASE);
    this.drawn = undefined;
  }

  private tell(meter: Meter): void {
    const { bytes, total, elapsedSeconds, bytesPerSecond, remainingSeconds } = meter.progress;
    const percent = total === undefined ? undefined : total === 0 ? 100 : Math.floor((bytes / total) * 100);
    if (this.form === 'json') {
      const rounded = { elapsedSeconds, bytesPerSecond: Math.round(bytesPerSecond), remainingSeconds };
      const document = { type: 'progress', ...this.subject?.document, percent, bytes, total, ...rounded };
      this.output.write(`${toJson(document)}\n`);
      return;
    }
    const done =
      total === undefined
        ? formatBytes(bytes)
        : `${String(percent).padStart(3)}% (${formatBytes(bytes)} of ${formatBytes(total)})`;
    const left = remainingSeconds === undefined ? '' : `, ${formatDuration(remainingSeconds)} left`;
    const rate = `in ${formatDuration(elapsedSeconds)}, ${formatBytes(bytesPerSecond)}/s${left}`;
    const subject = this.subject === undefined ? '' : `${this.subject.text}: `;
    this.draw(`${subject}${done} ${rate}`);
  }

  private draw(line: string): void {
    this.drawn = line.slice(0, (this.output.columns || DEFAULT_COLUMNS) - 1); // a wrapped line is not redrawn
    this.output.write(`\r${this.drawn}\x1b[K`);
  }
}

/** `1.0 GiB`, as vzdump writes sizes in its progress; whole numbers below 1 KiB. */
export function formatBytes(bytes: number): string {
  return renderBytes(bytes, bytes < 1024 ? 0 : 1);
}
