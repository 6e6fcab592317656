import { setTimeout as sleep } from 'node:timers/promises';
import { chunked, collect, noise } from '@vzdump-format/testing';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { ByteSource } from '../source/byte-source.js';
import { RateLimiter, ThrottledSource, throttle } from './throttle.js';

const KIB = 1024;
const MIB = 1024 * KIB;

// Vitest's fake clock reaches the global timers and `performance`, but not `node:timers/promises`.
vi.mock('node:timers/promises', () => ({
  setTimeout: (delay: number, value: unknown, { signal }: { signal?: AbortSignal } = {}) =>
    new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const abort = () => reject(signal?.reason);
      signal?.addEventListener('abort', abort);
      setTimeout(() => {
        signal?.removeEventListener('abort', abort);
        resolve(value);
      }, delay);
    }),
}));

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
});

afterEach(() => {
  vi.useRealTimers();
});

/** Sends chunks without an end through a limiter; `passed` counts since it was last asked. */
function endless(limiter: RateLimiter, chunkSize = 64 * KIB, pause?: (bytes: number) => Promise<void>) {
  const controller = new AbortController();
  let count = 0;
  async function* zeros(): AsyncGenerator<Uint8Array> {
    for (const chunk = new Uint8Array(chunkSize); ; ) yield chunk;
  }
  const run = async () => {
    for await (const portion of throttle(limiter, { signal: controller.signal })(zeros())) {
      count += portion.length;
      await pause?.(count);
    }
  };
  const ended = run().catch((error: unknown) => error);
  return {
    passed: () => {
      const bytes = count;
      count = 0;
      return bytes;
    },
    stop: async () => {
      controller.abort();
      await vi.advanceTimersByTimeAsync(100); // a pause of the consumer is not aborted
      expect(await ended).toMatchObject({ name: 'AbortError' });
    },
  };
}

function expectNear(actual: number, expected: number, tolerance = 0.05): void {
  expect(actual).toBeGreaterThan(expected * (1 - tolerance));
  expect(actual).toBeLessThan(expected * (1 + tolerance));
}

describe('the mean after 3 seconds', () => {
  const rates = [100 * KIB, MIB, 10 * MIB, 100 * MIB];
  const chunkSizes = [4097, 64 * KIB, MIB];
  const cases = rates.flatMap((rate) => chunkSizes.map((size) => [rate, size] as const));

  test.each(cases.filter(([rate, size]) => rate / size < 10_000))(
    'at %i B/s in chunks of %i',
    async (rate, size) => {
      const stream = endless(new RateLimiter(rate), size);
      await vi.advanceTimersByTimeAsync(3000);
      expectNear(stream.passed(), rate * 3);
      await stream.stop();
    },
  );

  test('with a consumer that is slow itself, by less than what may be caught up', async () => {
    const stream = endless(new RateLimiter(10 * MIB), 64 * KIB, async (bytes) => {
      if (bytes % MIB === 0) await sleep(60);
    });
    await vi.advanceTimersByTimeAsync(3000);
    expectNear(stream.passed(), 30 * MIB);
    await stream.stop();
  });

  test('is shared evenly by the streams of one limiter', async () => {
    const limiter = new RateLimiter(10 * MIB);
    const streams = [endless(limiter), endless(limiter), endless(limiter)];
    await vi.advanceTimersByTimeAsync(3000);
    for (const stream of streams) expectNear(stream.passed(), 10 * MIB, 0.1);
    for (const stream of streams) await stream.stop();
  });
});

test('a long pause earns no more than a tenth of a second', async () => {
  let paused = false;
  const stream = endless(new RateLimiter(MIB), 4 * KIB, async () => {
    if (!paused) await sleep(10_000);
    paused = true;
  });
  await vi.advanceTimersByTimeAsync(9_900);
  stream.passed();
  await vi.advanceTimersByTimeAsync(1_200);
  expect(stream.passed()).toBeLessThan(1.3 * MIB);
  await stream.stop();
});

test('nothing is earned before the limit was set', async () => {
  await vi.advanceTimersByTimeAsync(1000);
  const stream = endless(new RateLimiter(MIB), MIB);
  await vi.advanceTimersByTimeAsync(49);
  expect(stream.passed()).toBe(0);
  await vi.advanceTimersByTimeAsync(2);
  expect(stream.passed()).toBeGreaterThan(0);
  await stream.stop();
});

describe('the limit changed while running', () => {
  test.each([
    [10 * MIB, MIB],
    [MIB, 10 * MIB],
    [100 * MIB, 100 * KIB],
    [100 * KIB, 100 * MIB],
    [20, MIB],
  ])('from %d to %d B/s is felt at once', async (before, after) => {
    const limiter = new RateLimiter(before);
    const stream = endless(limiter, 8 * MIB);
    await vi.advanceTimersByTimeAsync(1010);
    limiter.bytesPerSecond = after;
    expect(limiter.bytesPerSecond).toBe(after);
    await vi.advanceTimersByTimeAsync(200); // what was let through under the old limit
    stream.passed();
    await vi.advanceTimersByTimeAsync(2000);
    expectNear(stream.passed(), after * 2);
    await stream.stop();
  });

  test('from unlimited to limited', async () => {
    const limiter = new RateLimiter(0);
    const stream = endless(limiter, 64 * KIB, () => sleep(1));
    await vi.advanceTimersByTimeAsync(1000);
    expectNear(stream.passed(), 1000 * 64 * KIB);
    limiter.bytesPerSecond = MIB;
    await vi.advanceTimersByTimeAsync(1000);
    expectNear(stream.passed(), MIB, 0.1);
    await stream.stop();
  });

  test('what has passed before can be made to count', async () => {
    const limiter = new RateLimiter(0);
    await limiter.take(3 * MIB);
    await limiter.take(MIB);
    expect(limiter.passed).toBe(4 * MIB);
    limiter.bytesPerSecond = 2 * MIB;
    limiter.chargePassed();
    let isPaid = false;
    const paid = limiter.take(1).then(() => {
      isPaid = true;
    });
    await vi.advanceTimersByTimeAsync(1800);
    expect(isPaid).toBe(false);
    await vi.advanceTimersByTimeAsync(250);
    await paid;
  });

  test('from limited to unlimited lets go of who waits', async () => {
    const limiter = new RateLimiter(1);
    const taken = limiter.take(1000);
    limiter.bytesPerSecond = 0;
    await vi.advanceTimersByTimeAsync(50);
    await expect(taken).resolves.toBeUndefined();
  });
});

describe('unlimited', () => {
  test('passes the very chunks, and waits for nothing', async () => {
    const chunks = [new Uint8Array(10 * MIB), noise(1), noise(4097)];
    const got: Uint8Array[] = [];
    async function* source(): AsyncGenerator<Uint8Array> {
      yield* chunks;
    }
    for await (const chunk of throttle(0)(source())) got.push(chunk);
    expect(got.map((chunk) => [chunk.buffer, chunk.length])).toEqual(
      chunks.map((chunk) => [chunk.buffer, chunk.length]),
    );
    expect(vi.getTimerCount()).toBe(0);
    expect(performance.now()).toBe(0);
  });
});

test('the bytes are the same, in portions of a twentieth of a second', async () => {
  const bytes = noise(10_000);
  const portions: number[] = [];
  const measure = async function* (source: AsyncIterable<Uint8Array>) {
    for await (const chunk of source) {
      portions.push(chunk.length);
      yield chunk;
    }
  };
  const done = collect(measure(throttle(20_000)(chunked(bytes, 4096))));
  await vi.advanceTimersByTimeAsync(1000);
  expect((await done).equals(bytes)).toBe(true);
  expect(Math.max(...portions)).toBe(1000);
});

describe('abort', () => {
  test('ends the wait', async () => {
    const controller = new AbortController();
    const taken = expect(new RateLimiter(1).take(100, controller.signal)).rejects.toThrow('aborted');
    await vi.advanceTimersByTimeAsync(10);
    controller.abort();
    await taken;
  });

  test('is heeded when unlimited, and closes the source', async () => {
    let closed = false;
    async function* source(): AsyncGenerator<Uint8Array> {
      try {
        for (;;) yield noise(4);
      } finally {
        closed = true;
      }
    }
    const controller = new AbortController();
    const run = async () => {
      for await (const _ of throttle(0, { signal: controller.signal })(source())) controller.abort();
    };
    await expect(run()).rejects.toThrow('aborted');
    expect(closed).toBe(true);
  });
});

test.each([-1, Number.NaN, Number.POSITIVE_INFINITY])('%d is not a rate', (rate) => {
  expect(() => new RateLimiter(rate)).toThrow(RangeError);
  const limiter = new RateLimiter(7);
  expect(() => {
    limiter.bytesPerSecond = rate;
  }).toThrow(RangeError);
  expect(limiter.bytesPerSecond).toBe(7);
});

describe('a source', () => {
  const CONTENT = noise(300_001);

  /** `failsAt` is where reading it fails. */
  function sourceOf(failsAt = Number.POSITIVE_INFINITY): ByteSource {
    return {
      size: CONTENT.length,
      async read(buffer, offset) {
        if (offset + buffer.length > failsAt) throw new Error('gone');
        const bytes = CONTENT.subarray(offset, offset + buffer.length);
        buffer.set(bytes);
        return bytes.length;
      },
      close: async () => {},
    };
  }

  test.each([0, 10 * KIB, MIB])('at %i B/s is read whole, as fast as it may be', async (rate) => {
    const source = new ThrottledSource(sourceOf(), new RateLimiter(rate));
    const buffer = Buffer.alloc(400_000);
    const read = source.read(buffer, 1).then((length) => ({ length, seconds: performance.now() / 1000 }));
    const begun = performance.now() / 1000;
    await vi.advanceTimersByTimeAsync(60_000);
    const { length, seconds } = await read;
    expect(buffer.subarray(0, length).equals(CONTENT.subarray(1))).toBe(true);
    if (rate === 0) expect(seconds - begun).toBe(0);
    else expectNear(seconds - begun, CONTENT.length / rate, 0.1);
  });

  test('that fails is noticed long before all that was asked for may pass', async () => {
    const source = new ThrottledSource(sourceOf(20_000), new RateLimiter(10 * KIB));
    const read = source.read(Buffer.alloc(300_000), 0).catch((error: Error) => error.message);
    await vi.advanceTimersByTimeAsync(3000);
    expect(await read).toBe('gone');
  });
});
