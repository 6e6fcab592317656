import { execFileSync } from 'node:child_process';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { codecs, detectCodec } from '@vzdump-format/codecs';
import { vectorBytes, vectorPath } from '@vzdump-format/test-vectors';
import { runTool, scratch, testWith } from '@vzdump-format/testing';
import { describe, expect, test } from 'vitest';
import { sha256, writeNoise } from '../support/disk-content.js';
import { CLI, runCli, runCliForJson, runCliWell } from '../support/running-cli.js';

const ARCHIVE = vectorPath('vma/two-drives-two-configs.vma');
const BYTES = vectorBytes('vma/two-drives-two-configs.vma');

const extensions = codecs
  .filter(({ canCompress }) => canCompress)
  .map(({ extensions: [first] }) => first ?? '');

describe('convert', () => {
  test.each([...new Set(extensions)])('to .vma%s and back gives the same bytes', async (extension) => {
    const directory = await scratch();
    const there = join(directory, `there.vma${extension}`);
    await runCliWell(['convert', `${ARCHIVE}.zst`, there]);
    await runCliWell(['verify', there]);
    expect(await runCliForJson(['list', there])).toMatchObject({
      codec: codecs.find(({ extensions: [first] }) => (first ?? '') === extension)!.name,
    });
    await runCliWell(['convert', there, join(directory, 'back.vma')]);
    expect(sha256(await readFile(join(directory, 'back.vma')))).toBe(sha256(BYTES));
  });

  test('to zstd gives the frames that packing gives', async () => {
    const directory = await scratch();
    const [disk, packed, plain, converted] = ['d.raw', 'p.vma.zst', 'p.vma', 'c.vma.zst'].map((name) =>
      join(directory, name),
    ) as [string, string, string, string];
    await writeNoise(disk, 20 << 20);
    const what = ['--drive', `drive-scsi0=${disk}`, '--ctime', '1', '--uuid', '0'.repeat(32)];
    await runCliWell(['pack', packed, ...what]);
    await runCliWell(['pack', plain, ...what]);
    await runCliWell(['convert', plain, converted]);
    expect((await readFile(converted)).equals(await readFile(packed))).toBe(true);
  });

  test('from standard input to standard output', async () => {
    const compressed = await runCliWell(['convert', '-', '-', '--compress', 'gzip'], { stdin: BYTES });
    expect(compressed.subarray(0, 2).toString('hex')).toBe('1f8b');
    expect((await runCliWell(['convert', '-', '-'], { stdin: compressed })).equals(BYTES)).toBe(true);
  });

  test.each([
    [['--compress', '1'], 'lzo'],
    [['--compress', 'gzip', '--level', '9', '--threads', '2'], 'gzip'],
    [['--compress', 'gzip', '--pigz', '1'], 'gzip'],
    [['--compress', 'zstd', '--zstd', '0', '--level', '19'], 'zstd'],
    [['--compress', '0'], 'none'],
  ])('as told: %j', async (options, name) => {
    const converted = await runCliWell(['convert', `${ARCHIVE}.zst`, '-', ...options]);
    expect(detectCodec(converted).name).toBe(name);
    expect((await runCliWell(['convert', '-', '-'], { stdin: converted })).equals(BYTES)).toBe(true);
  });

  test('--level is the level', async () => {
    const sizeAt = async (level: string) =>
      (await runCliWell(['convert', ARCHIVE, '-', '--compress', 'zstd', '--level', level])).length;
    expect(await sizeAt('19')).toBeLessThan(await sizeAt('1'));
  });

  test('of a bad archive gives no file', async () => {
    const directory = await scratch();
    const bad = join(directory, 'bad.vma');
    await writeFile(bad, BYTES.subarray(0, -1));
    const { status, stderr } = await runCli(['convert', bad, join(directory, 'out.vma.zst')]);
    expect(stderr).toMatch(/^vzdump-format: .*bad\.vma: .* \(at byte \d+\)\n/);
    expect([status, await readdir(directory)]).toEqual([1, ['bad.vma']]);
  });

  test('does not replace a file, but with --force', async () => {
    const out = join(await scratch(), 'out.vma');
    await writeFile(out, 'precious');
    expect((await runCli(['convert', ARCHIVE, out])).status).toBe(1);
    expect(await readFile(out, 'utf8')).toBe('precious');
    await runCliWell(['convert', ARCHIVE, out, '--force']);
    expect((await readFile(out)).equals(BYTES)).toBe(true);
  });
});

describe('the name of what is written', () => {
  test.each(['x.zip', 'backup.2026'])(
    '%s tells nothing, which is an error that lists what does',
    async (name) => {
      const directory = await scratch();
      for (const words of [
        ['convert', ARCHIVE, join(directory, name), '--compress', '0'],
        ['pack', join(directory, name), '--drive', `a=${ARCHIVE}`],
      ]) {
        const { status, stderr } = await runCli(words);
        expect(stderr).toBe(
          `vzdump-format: the name '${join(directory, name)}' does not tell the format\n` +
            'hint: end it in .vma, .tar, .pxar or .mpxar, with .lzo, .gz or .zst behind if it is to be compressed, or give --format\n',
        );
        expect([status, await readdir(directory)]).toEqual([2, []]);
      }
    },
  );

  test.each([
    ['backup', [], 'vma', 'none'],
    ['backup', ['--compress', 'zstd'], 'vma', 'zstd'],
    ['backup.zst', [], 'vma', 'zstd'],
    ['backup.2026.gz', ['--format', 'vma'], 'vma', 'gzip'],
  ] as const)('%s %j: %s, %s', async (name, options, format, codec) => {
    const out = join(await scratch(), name);
    await mkdir(dirname(out), { recursive: true });
    await runCliWell(['convert', ARCHIVE, out, ...options]);
    expect(await runCliForJson(['list', out])).toMatchObject({ format, codec });
  });

  test('.tgz is a tar, whatever the archive was', async () => {
    const out = join(await scratch(), 'x.tgz');
    await runCli(['convert', vectorPath('pxar/types.pxar'), out]);
    expect(await runCliForJson(['list', out])).toMatchObject({ format: 'tar', codec: 'gzip' });
    expect((await runCli(['convert', ARCHIVE, `${out}.tgz`, '--json'])).stderr).toContain('CONVERT_FORMAT');
  });

  testWith(['bash'], 'of an open file is refused, and the file left as it is', async () => {
    const directory = await scratch();
    for (const out of ['/dev/stdout', '/dev/fd/3', '/proc/self/fd/3']) {
      const run = `'${process.execPath}' '${CLI}' convert '${ARCHIVE}' ${out} --force`;
      const said = await runTool(
        'bash',
        '-c',
        `cd '${directory}' && ${run} 3>three 2>&1 >one; echo "status=$?"`,
      );
      expect(said).toContain(`${out} is there, and not a regular file`);
      expect(said).toMatch(/status=1\n$/);
      for (const name of ['one', 'three']) expect(await readFile(join(directory, name), 'utf8')).toBe('');
    }
  });
});

testWith(
  ['pigz'],
  'a codec that is not read here is called by its name, with the way out: zlib',
  async () => {
    const directory = await scratch();
    const [archive, out] = [join(directory, 'a.vma.gz'), join(directory, 'b.vma.zst')];
    const compressed = execFileSync('pigz', ['-cz'], { input: BYTES });
    await writeFile(archive, compressed);
    const { status, stderr } = await runCli(['convert', archive, out]);
    expect(stderr).toBe(
      `vzdump-format: ${archive}: this is compressed with zlib, which is not read here (at byte 0)\n` +
        'hint: decompress it first: pigz -dc ARCHIVE | vzdump-format … -\n',
    );
    expect([status, await readdir(directory)]).toEqual([1, ['a.vma.gz']]);
    await runCliWell(['convert', '-', out], { stdin: execFileSync('pigz', ['-dc'], { input: compressed }) });
  },
);
