import { expect, test } from 'vitest';
import { TreeProgressLines } from './progress-lines.js';

const MIB = 1 << 20;

/** The lines that are written while bytes arrive, at each second of these, at a rate. */
function linesOf(seconds: number, bytesPerSecond: number) {
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
  expect(linesOf(2, 200 * MIB)).toEqual([]);
  expect(linesOf(6, 200 * MIB)).toEqual([
    '600.0 MiB in 3s, read: 200.0 MiB/s',
    '1.2 GiB in 6s, read: 200.0 MiB/s',
  ]);
});

test('the longer it takes, the rarer they are, until there is one a minute', () => {
  expect(linesOf(60, MIB).length).toBeLessThan(20);
  const hours = linesOf(4 * 3600, MIB);
  expect(hours.length).toBeLessThan(300);
  expect(hours.slice(-2)).toEqual([
    expect.stringMatching(/^14\.0 GiB in 3h 58m \d+s, read: 1\.0 MiB\/s$/),
    expect.stringMatching(/^14\.0 GiB in 3h 59m \d+s, read: 1\.0 MiB\/s$/),
  ]);
});
