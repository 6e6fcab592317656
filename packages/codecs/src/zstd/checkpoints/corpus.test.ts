import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BufferSource } from '@vzdump-format/streams';
import { collect, isMet, overwriting, testWith, withDirectory } from '@vzdump-format/testing';
import { beforeAll, describe, expect, test } from 'vitest';
import { randomBytes } from '../../testing/bytes.js';
import { indexSource } from '../../testing/index-files.js';
import { expectAllSpans } from '../../testing/spans.js';
import { runTool } from '../../testing/tools.js';
import { ZSTD_ENGINES } from '../engines.js';
import { zstd } from '../zstd.js';

const OPTIONS = { span: 1 << 20 };
const TREE = fileURLToPath(new URL('../../../../../node_modules/@types/node', import.meta.url));
const KLAUSPOST = new URL('../../../../../test-vectors/codecs/klauspost/', import.meta.url);
const NEEDS = ['zstd', 'tar', 'mke2fs'];
const HERE = ZSTD_ENGINES.filter((name) => name !== 'node' || process.versions.zstd !== undefined);

/** A tree in tar, an image with holes of the same, text, noise, zeros; and the beginning once more. */
let content: Buffer;
beforeAll(async () => {
  if (!isMet(...NEEDS)) return;
  const tree = await runTool('tar', ['c', '-C', TREE, '.'], Buffer.alloc(0));
  const make = 'PATH=$PATH:/usr/sbin:/sbin mke2fs -qF -t ext4 -d "$1" "$2" 16M';
  let image = Buffer.alloc(0);
  await withDirectory(async (directory) => {
    const path = join(directory, 'image');
    await runTool('sh', ['-c', make, 'sh', TREE, path], Buffer.alloc(0));
    image = readFileSync(path);
  });
  const lines = Array.from({ length: 150_000 }, (_, line) => `line ${(line * 7919) % 50_021}\n`);
  const parts = [tree, image, Buffer.from(lines.join('')), randomBytes(1_500_000)];
  content = Buffer.concat([...parts, Buffer.alloc(3_000_000), tree.subarray(1_000_001)]);
}, 60_000);

const compressed = (options: readonly string[], bytes = content, tool = 'zstd') =>
  runTool(tool, ['-q', '-c', ...options], bytes);

describe('each span of a file of the zstd program is as it was', () => {
  const COMMANDS = [
    ['-1'],
    ['-3', '-T2'],
    ['-3', '--no-check', '--single-thread'],
    ['-9'],
    ['--fast=5'],
    ['--long=27'],
    ['--long=27', '--single-thread', '-9', '--no-check'],
    ['--rsyncable', '-T2'],
    ['--adapt'],
    ['--zstd=wlog=10'],
  ];
  for (const options of COMMANDS) {
    testWith(NEEDS, options.join(' '), async () => {
      const segments = await expectAllSpans(await compressed(options), content, OPTIONS);
      expect(segments.length).toBeGreaterThan(content.length / OPTIONS.span / 2);
    });
  }

  testWith(NEEDS, 'of a known size, which is its window', async () => {
    const file = await compressed(['--long=27', `--stream-size=${content.length}`]);
    expect(file[4]! & 0x20).toBe(0x20);
    const segments = await expectAllSpans(file, content, OPTIONS);
    expect(segments.length).toBeGreaterThan(content.length / OPTIONS.span / 2);
  });

  testWith(NEEDS, '--long=31, for those who allow it', async () => {
    const file = await compressed(['-1', '--long=27']);
    file[5] = (31 - 10) << 3; // the program itself would take 2 GiB
    const allowed = { ...OPTIONS, maxWindowLog: 31 };
    expect((await expectAllSpans(file, content, allowed)).length).toBeGreaterThan(10);
    await expect(collect(zstd.buildIndex(new BufferSource(file), OPTIONS))).rejects.toMatchObject({
      code: 'ZSTD_WINDOW',
    });
  });

  testWith(NEEDS, '-19', async () => {
    const part = content.subarray(0, 4_000_000);
    expect((await expectAllSpans(await compressed(['-19'], part), part, OPTIONS)).length).toBeGreaterThan(2);
  });

  testWith([...NEEDS, 'pzstd'], 'pzstd', async () => {
    await expectAllSpans(await compressed(['-p', '2'], content, 'pzstd'), content, OPTIONS);
  });

  testWith(NEEDS, 'joined, with skippable frames between, and an empty one', async () => {
    const skippable = Buffer.from('502a4d1803000000616263', 'hex');
    const parts = [content.subarray(0, 3_000_000), Buffer.alloc(0), content.subarray(9_000_000)];
    const frames = await Promise.all(parts.map((part) => compressed([], part)));
    const file = Buffer.concat(frames.flatMap((frame) => [skippable, frame]));
    await expectAllSpans(file, Buffer.concat(parts), OPTIONS);
  });
});

describe.each(HERE)('by %s', (engine) => {
  testWith(NEEDS, 'a file that repeats tables', async () => {
    const part = content.subarray(0, 3_000_000);
    await expectAllSpans(await compressed(['-9'], part), part, { ...OPTIONS, engine });
  });

  test.each(['fastest', 'better'])('a file of another encoder: klauspost, %s', async (level) => {
    const file = readFileSync(new URL(`${level}.zst`, KLAUSPOST));
    const expected = await collect(zstd.decompress()(overwriting(file, 65_536)));
    const options = { span: 256 << 10, engine };
    expect((await expectAllSpans(file, expected, options)).length).toBeGreaterThan(4);
  });

  testWith(NEEDS, 'any other engine can use its index', async () => {
    const file = new BufferSource(await compressed(['-9'], content.subarray(0, 3_000_000)));
    const index = await indexSource(zstd.buildIndex(file, { ...OPTIONS, engine }));
    for (const other of HERE) {
      const opened = await zstd.openSeekable(file, { index, engine: other });
      const buffer = Buffer.alloc(1000);
      await opened.read(buffer, 2_500_000);
      expect(buffer.equals(content.subarray(2_500_000, 2_501_000))).toBe(true);
    }
  });
});
