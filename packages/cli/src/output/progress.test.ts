import { formatDuration } from '@vzdump-format/vzdump';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { formatBytes, type ProgressMode, ProgressReport } from './progress.js';

beforeEach(() => vi.useFakeTimers({ toFake: ['performance'] }));
afterEach(() => vi.useRealTimers());

/** A report, and all it has written. */
function report(mode: ProgressMode, terminal: { isTTY: boolean; columns?: number }) {
  const written: string[] = [];
  const write = (text: string) => written.push(text);
  return { report: new ProgressReport(mode, { ...terminal, write }), written };
}

describe('on a terminal', () => {
  test('a line is redrawn five times a second at most, and at the end', () => {
    const { report: progress, written } = report('auto', { isTTY: true });
    progress.update(0, 1000);
    vi.advanceTimersByTime(199);
    progress.update(100, 1000);
    expect(written).toEqual(['\r  0% (0 B of 1000 B) in 0s, 0 B/s\x1b[K']);
    vi.advanceTimersByTime(801);
    progress.update(500, 1000);
    expect(written.at(-1)).toBe('\r 50% (500 B of 1000 B) in 1s, 500 B/s, 1s left\x1b[K');
    progress.update(1000, 1000);
    progress.end();
    expect(written.slice(2)).toEqual(['\r100% (1000 B of 1000 B) in 1s, 1000 B/s, 0s left\x1b[K', '\n']);
  });

  test('it is left for a message, and taken up again where it was', () => {
    const { report: progress, written } = report('auto', { isTTY: true });
    progress.update(0, 1000);
    progress.leaveLine();
    progress.leaveLine();
    vi.advanceTimersByTime(1000);
    progress.update(500, 1000);
    expect(written.slice(1)).toEqual(['\n', '\r 50% (500 B of 1000 B) in 1s, 500 B/s, 1s left\x1b[K']);
  });

  test('it stays below what is written above it, says what it is of, and can go without a trace', () => {
    const { report: progress, written } = report('auto', { isTTY: true });
    const log = (line: string) => progress.writeAbove(() => written.push(`${line}\n`));
    progress.begin({ text: '101 (2 of 3)', document: {} });
    log('first');
    progress.update(0);
    log('second');
    progress.end({ leavesLine: false });
    log('last');
    progress.update(0);
    const erase = '\r\x1b[K';
    expect(written).toEqual([
      ...['\r101 (2 of 3)\x1b[K', erase, 'first\n', '\r101 (2 of 3)\x1b[K'],
      ...['\r101 (2 of 3): 0 B in 0s, 0 B/s\x1b[K', erase, 'second\n'],
      ...['\r101 (2 of 3): 0 B in 0s, 0 B/s\x1b[K', erase, 'last\n', '\r0 B in 0s, 0 B/s\x1b[K'],
    ]);
  });

  test('it fits', () => {
    const { report: progress, written } = report('auto', { isTTY: true, columns: 12 });
    progress.update(0, 1000);
    expect(written).toEqual(['\r  0% (0 B o\x1b[K']);
  });
});

test('where there is no terminal, nothing is told unless it is asked for', () => {
  for (const mode of ['auto', 'none'] as const) {
    const { report: progress, written } = report(mode, { isTTY: mode === 'none' });
    progress.update(500, 1000);
    progress.end();
    expect(written).toEqual([]);
  }
});

test('as JSON, a line a second, and one at the end', () => {
  const { report: progress, written } = report('json', { isTTY: false });
  for (const bytes of [0, 250, 500, 1000]) {
    progress.update(bytes, 1000);
    vi.advanceTimersByTime(500);
  }
  progress.end();
  progress.end();
  expect(written.map((line) => JSON.parse(line))).toEqual([
    { type: 'progress', percent: 0, bytes: 0, total: 1000, elapsedSeconds: 0, bytesPerSecond: 0 },
    expect.objectContaining({ percent: 50, elapsedSeconds: 1, bytesPerSecond: 500, remainingSeconds: 1 }),
    expect.objectContaining({ percent: 100, elapsedSeconds: 2, bytesPerSecond: 500, remainingSeconds: 0 }),
  ]);
});

test('as JSON, it says what it is of, and how far it came in the end', () => {
  const { report: progress, written } = report('json', { isTTY: true });
  const subject = { text: '101 (2 of 3)', document: { vmid: 101, guest: 2, guests: 3 } };
  progress.begin(subject);
  progress.writeAbove(() => {});
  progress.update(0);
  progress.update(500);
  progress.end({ leavesLine: false });
  const told = { type: 'progress', ...subject.document };
  expect(written.map((line) => JSON.parse(line))).toMatchObject([
    { ...told, bytes: 0 },
    { ...told, bytes: 500 },
  ]);
});

test('of nothing, all is done', () => {
  const { report: progress, written } = report('json', { isTTY: false });
  progress.update(0, 0);
  expect(JSON.parse(written[0]!)).toMatchObject({ percent: 100, bytes: 0, total: 0 });
});

test.each([
  [0, '0 B'],
  [1023, '1023 B'],
  [1024, '1.0 KiB'],
  [1.5 * 1024 ** 3, '1.5 GiB'],
  [2 ** 53, '8.0 PiB'],
])('%i bytes are %s', (bytes, text) => expect(formatBytes(bytes)).toBe(text));

test.each([
  [0.9, '0s'],
  [61, '1m 1s'],
  [3600, '1h'],
  [694_861, '1w 1d 1h 1m 1s'],
])('%d seconds are %s', (seconds, text) => expect(formatDuration(seconds)).toBe(text));
