import { formatDuration, renderBytes } from './units.js';

/** Seconds between two lines: a tenth of the time so far, within these. */
const SHORTEST_PAUSE = 2;
const LONGEST_PAUSE = 60;

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
