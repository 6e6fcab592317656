import { collect, overwriting, testWith } from '@vzdump-format/testing';
import { describe, expect, test } from 'vitest';
import { codec } from '../registry.js';
import { mixedBytes, randomBytes } from '../testing/bytes.js';
import { expectAllSpans } from '../testing/spans.js';
import { runTool } from '../testing/tools.js';
import { gzip } from './gzip.js';

const text = Buffer.from(
  Array.from({ length: 200_000 }, (_, line) => `line ${(line * 7919) % 50_021}\n`).join(''),
);
const content = Buffer.concat([
  mixedBytes(3_000_000),
  Buffer.alloc(2_000_000),
  text,
  randomBytes(500_000),
  text,
  Buffer.alloc(40_000, 'few bytes'),
]);

const SMALL = { span: 256 << 10 };

describe('every part is as it was', () => {
  test.each([
    ['gzip', { level: 1 }],
    ['gzip', { level: 6 }],
    ['gzip', { level: 9 }],
    ['gzip', { rsyncable: true }],
    ['pigz', {}],
  ])('%s %o', async (name, options) => {
    const file = await collect(codec(name).compress(options)(overwriting(content, 65_536)));
    const counts: number[] = [];
    for (const span of [256 << 10, 1 << 20, 8 << 20]) {
      counts.push((await expectAllSpans(file, content, { span }, gzip)).length);
    }
    expect(counts).toEqual(counts.toSorted((a, b) => b - a));
    expect(counts[0]).toBeGreaterThan(15);
    expect(counts[2]).toBeLessThan(3);
  });

  test('of members joined, some of them tiny', async () => {
    const parts = [content.subarray(0, 900_000), Buffer.from('x'), Buffer.alloc(0), content];
    const members = parts.map((part) => collect(gzip.compress()(overwriting(part, 65_536))));
    const file = Buffer.concat(await Promise.all(members));
    await expectAllSpans(file, Buffer.concat(parts), SMALL, gzip);
  });

  testWith(['pigz'], 'pigz, in blocks that know nothing of each other', async () => {
    const file = await runTool('pigz', ['-c', '-i', '-p2'], content);
    await expectAllSpans(file, content, SMALL, gzip);
  });

  testWith(['gzip'], 'gzip -1, -9', async () => {
    for (const level of ['-1', '-9']) {
      await expectAllSpans(await runTool('gzip', ['-c', level], content), content, SMALL, gzip);
    }
  });
});

test('an index keeps what is referred to, and not 32 KiB for each place', async () => {
  const file = await collect(gzip.compress()(overwriting(content, 65_536)));
  const segments = await expectAllSpans(file, content, SMALL, gzip);
  const size = segments.reduce((sum, { stored }) => sum + stored.length, 0);
  expect(size / segments.length).toBeLessThan(4000);
});
