import { seededRandom } from '@vzdump-format/testing';
import { expect, test } from 'vitest';
import { randomBytes } from '../../testing/bytes.js';
import { FrameHistory } from './span-memory.js';

test('a window, and the span before the last, are there at any time, whatever the spans', () => {
  const random = seededRandom(1);
  const all = randomBytes(200_000);
  const history = new FrameHistory();
  for (let round = 0; round < 60; round++) {
    const [window, most] = [1 + random(20_000), 1 + random(5000)];
    history.beginFrame(window, most);
    let former: Uint8Array | undefined;
    for (let end = 0, former0 = 0; end < 150_000; ) {
      const length = 1 + random(random(10) === 0 ? 2 * most : most);
      const span = history.reserve(length);
      if (former !== undefined) expect(Buffer.compare(former, all.subarray(former0, end)), 'former').toBe(0);
      span.set(all.subarray(end, end + length));
      [former, former0, end] = [span, end, end + length];
      const start = Math.max(0, end - window);
      const [from, to] = [start + random(end - start), end];
      const copy = Buffer.alloc(to - from + 3);
      history.copy(from, to, copy, 3);
      expect(Buffer.compare(copy.subarray(3), all.subarray(from, to)), `${from} to ${to}`).toBe(0);
    }
    expect(() => history.copy(0, 1, Buffer.alloc(1), 0)).toThrow('gone');
  }
});
