import { expect, test } from 'vitest';
import { ProgressLines, TreeProgressLines } from './progress-lines.js';

const GIB = 1 << 30;

/** The lines that are written while bytes, zeros among them, arrive at these seconds. */
function linesOf(total: number, steps: readonly (readonly [second: number, bytes: number, zeros: number])[]) {
  const lines: string[] = [];
  let now = 1000;
  const progress = new ProgressLines(
    total,
    (line) => lines.push(line),
    () => now,
  );
  for (const [second, bytes, zeroBytes] of steps) {
    now = 1000 + second;
    progress.update({ bytes, zeroBytes });
  }
  progress.end();
  return lines;
}

test('as vzdump has it', () => {
  const lines = linesOf(32 * GIB, [
    [1, 0.3 * GIB, 0],
    [2, 0.6 * GIB, 0],
    [3, GIB, 0.1 * GIB],
    [5, 2 * GIB, 0.1 * GIB],
    [6, 2.1 * GIB, 0.2 * GIB],
    [100, 32 * GIB, 12.34 * GIB],
  ]);
  expect(lines).toEqual([
    '  3% (1.0 GiB of 32.0 GiB) in 3s, read: 341.3 MiB/s, write: 307.2 MiB/s',
    '  6% (2.1 GiB of 32.0 GiB) in 6s, read: 375.5 MiB/s, write: 341.3 MiB/s',
    '100% (32.0 GiB of 32.0 GiB) in 1m 40s, read: 325.7 MiB/s, write: 193.5 MiB/s',
    'backup is sparse: 12.34 GiB (38%) total zero data',
    'transferred 32.00 GiB in 100 seconds (327.7 MiB/s)',
  ]);
});

test('no line without another percentage', () => {
  expect(
    linesOf(1000 * GIB, [
      [3, 10 * GIB, 0],
      [9, 19 * GIB, 0],
      [12, 20 * GIB, 0],
    ]),
  ).toEqual([
    expect.stringMatching(/^ {2}1% \(10\.0 GiB of 1000\.0 GiB\) in 3s, /),
    expect.stringMatching(
      /^ {2}2% \(20\.0 GiB of 1000\.0 GiB\) in 12s, read: 1\.1 GiB\/s, write: 1\.1 GiB\/s$/,
    ),
    expect.stringMatching(/^ {2}2% .* in 12s, read: 0 B\/s, write: 0 B\/s$/),
    'transferred 20.00 GiB in 12 seconds (1.7 GiB/s)',
  ]);
});

test('what is over at once', () => {
  expect(linesOf(GIB, [[0, GIB, GIB]])).toEqual([
    '100% (1.0 GiB of 1.0 GiB) in 0s, read: 1.0 GiB/s, write: 0 B/s',
    'backup is sparse: 1.00 GiB (100%) total zero data',
    'transferred 1.00 GiB in <1 seconds',
  ]);
});

const MIB = 1 << 20;

/** The lines that are written while bytes arrive, at each second of these, at a rate. */
function treeLinesOf(seconds: number, bytesPerSecond: number) {
  const lines: string[] = [];
  let now = 1000;
  const progress = new TreeProgressLines(
    (line) => lines.push(line),
    () => now,
  );
  for (let second = 0; second <= seconds; second++) {
    now = 1000 + second;
    progress.update(second * bytesPerSecond);
  }
  return lines;
}

test('like those of virtual machines, without what is not known', () => {
  expect(treeLinesOf(2, 200 * MIB)).toEqual([]);
  expect(treeLinesOf(6, 200 * MIB)).toEqual([
    '600.0 MiB in 3s, read: 200.0 MiB/s',
    '1.2 GiB in 6s, read: 200.0 MiB/s',
  ]);
});

test('the longer it takes, the rarer they are, until there is one a minute', () => {
  expect(treeLinesOf(60, MIB).length).toBeLessThan(20);
  const hours = treeLinesOf(4 * 3600, MIB);
  expect(hours.length).toBeLessThan(300);
  expect(hours.slice(-2)).toEqual([
    expect.stringMatching(/^14\.0 GiB in 3h 58m \d+s, read: 1\.0 MiB\/s$/),
    expect.stringMatching(/^14\.0 GiB in 3h 59m \d+s, read: 1\.0 MiB\/s$/),
  ]);
});
