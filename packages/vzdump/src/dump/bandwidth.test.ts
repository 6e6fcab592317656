import { RateLimiter } from '@vzdump-format/streams';
import { afterEach, expect, test, vi } from 'vitest';
import { sampleDump } from './testing/sample-dump.js';

const LIMIT = 5_000_000;

afterEach(() => {
  vi.restoreAllMocks();
});

/** What limiters are asked for is let through at once, and written down. */
function recordedLimits() {
  const taken: { readonly rate: number; readonly length: number }[] = [];
  vi.spyOn(RateLimiter.prototype, 'take').mockImplementation(async function (this: RateLimiter, length) {
    if (this.bytesPerSecond > 0) taken.push({ rate: this.bytesPerSecond, length });
  });
  return {
    rates: () => new Set(taken.map(({ rate }) => rate)),
    bytes: () => taken.reduce((sum, { length }) => sum + length, 0),
  };
}

test("bwlimit is in KiB/s, and counts what is read of a virtual machine's disks, without their holes", async () => {
  const sample = await sampleDump();
  const limits = recordedLimits();
  await sample.run({ vmids: [100], compress: 'zstd', bwlimit: LIMIT });
  expect(limits.rates()).toEqual(new Set([LIMIT * 1024]));
  const written = 16 * 1024 * 1024 * 0.02; // of 16 MiB, 98 % are holes
  expect(limits.bytes()).toBeGreaterThan(written / 2);
  expect(limits.bytes()).toBeLessThan(written * 5);
});

test('of a container, the archive before it is compressed', async () => {
  const sample = await sampleDump();
  const limits = recordedLimits();
  await sample.run({ vmids: [101], compress: 'zstd', bwlimit: LIMIT });
  expect(limits.rates()).toEqual(new Set([LIMIT * 1024]));
  const [, told] = /Total bytes written: (\d+) /.exec(sample.log.join('\n'))!;
  expect(limits.bytes()).toBe(Number(told));
});

test('without it, or with 0, nothing is held up', async () => {
  const sample = await sampleDump();
  const limits = recordedLimits();
  await sample.run({ vmids: [100, 101] });
  await sample.run({ vmids: [100, 101], bwlimit: 0 });
  expect(limits.bytes()).toBe(0);
});
