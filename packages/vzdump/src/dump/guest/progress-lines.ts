import { formatDuration, renderBytes } from '../units.js';

/** Seconds between two lines of a tree: a tenth of the time so far, within these. */
const SHORTEST_PAUSE = 2;
const LONGEST_PAUSE = 60;
/** Seconds between two lines, at least. */
const PAUSE = 2;

/** How far the drives are: bytes so far, and how many of them are zeros that were not stored. */
interface DriveProgress {
  readonly bytes: number;
  readonly zeroBytes: number;
}

/**
 * The lines that tell how far the backup of a virtual machine is, as vzdump writes them: one when more than
 * two seconds have passed since the last, and the percentage has changed; and one in the end, unless that
 * said 100 %.
 *
 * ```
 *   3% (1.0 GiB of 32.0 GiB) in 3s, read: 341.3 MiB/s, write: 300.2 MiB/s
 * ```
 *
 * Rates are those since the last line. What was written is what was read, without the zeros.
 */
export class ProgressLines {
  private latest: DriveProgress = { bytes: 0, zeroBytes: 0 };
  private told: DriveProgress = this.latest;
  private toldPercent = -1;
  private toldAt: number;
  private readonly startedAt: number;

  /** @param now whole seconds */
  constructor(
    private readonly total: number,
    private readonly write: (line: string) => void,
    private readonly now: () => number = () => Math.floor(Date.now() / 1000),
  ) {
    this.startedAt = now();
    this.toldAt = this.startedAt;
  }

  update(progress: DriveProgress): void {
    this.latest = progress;
    if (this.now() - this.toldAt > PAUSE && this.percent !== this.toldPercent) this.tell();
  }

  /** Gives the last lines: how much there was, and how long it took. */
  end(): void {
    if (this.toldPercent < 100) this.tell();
    const { bytes, zeroBytes } = this.latest;
    if (zeroBytes > 0) {
      const percent = Math.floor((zeroBytes / bytes) * 100);
      this.write(`backup is sparse: ${renderBytes(zeroBytes, 2)} (${percent}%) total zero data`);
    }
    const seconds = this.now() - this.startedAt;
    const rate = seconds === 0 ? '' : ` (${renderBytes(bytes / seconds, 1)}/s)`;
    this.write(`transferred ${renderBytes(bytes, 2)} in ${seconds === 0 ? '<1' : seconds} seconds${rate}`);
  }

  private get percent(): number {
    return this.total === 0 ? 100 : Math.floor((this.latest.bytes * 100) / this.total);
  }

  private tell(): void {
    const { bytes, zeroBytes } = this.latest;
    const now = this.now();
    const seconds = Math.max(1, now - this.toldAt);
    const read = bytes - this.told.bytes;
    const written = read - (zeroBytes - this.told.zeroBytes);
    this.write(
      `${String(this.percent).padStart(3)}% (${renderBytes(bytes, 1)} of ${renderBytes(this.total, 1)}) in ` +
        `${formatDuration(now - this.startedAt)}, read: ${renderBytes(read / seconds, 1)}/s, ` +
        `write: ${renderBytes(written / seconds, 1)}/s`,
    );
    this.told = this.latest;
    this.toldAt = now;
    this.toldPercent = this.percent;
  }
}

/**
 * The lines that tell how far a container is, of which nobody knows how much there is. vzdump has none; these
 * are like those of virtual machines, and become rarer, so that a long backup does not have thousands of
 * them.
 *
 * ```
 * 12.3 GiB in 1m 40s, read: 120.0 MiB/s
 * ```
 *
 * Bytes are those of files, holes included; the rate is that since the last line.
 */
export class TreeProgressLines {
  private told = 0;
  private toldAt: number;
  private readonly startedAt: number;

  /** @param now whole seconds */
  constructor(
    private readonly write: (line: string) => void,
    private readonly now: () => number = () => Math.floor(Date.now() / 1000),
  ) {
    this.startedAt = now();
    this.toldAt = this.startedAt;
  }

  /** @param bytes so far */
  update(bytes: number): void {
    const now = this.now();
    const elapsed = now - this.startedAt;
    const seconds = now - this.toldAt;
    if (seconds <= Math.min(Math.max(SHORTEST_PAUSE, elapsed / 10), LONGEST_PAUSE)) return;
    const rate = renderBytes((bytes - this.told) / seconds, 1);
    this.write(`${renderBytes(bytes, 1)} in ${formatDuration(elapsed)}, read: ${rate}/s`);
    this.told = bytes;
    this.toldAt = now;
  }
}
