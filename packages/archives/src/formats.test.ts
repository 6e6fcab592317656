import { deflateSync } from 'node:zlib';
import { codecs } from '@vzdump-format/codecs';
import type { FileEntry } from '@vzdump-format/file-tree';
import { BufferSource } from '@vzdump-format/streams';
import { collect, noise } from '@vzdump-format/testing';
import { packVma } from '@vzdump-format/vma';
import { describe, expect, test } from 'vitest';
import { FORMAT_DETECT_BYTES, type TreeFormat } from './archive-format.js';
import { detectFormat, formatForFileName, formatNamed, formats, writtenExtensions } from './formats.js';
import { testArchiveFormat } from './testing/format-contract.js';

const endings = ['', ...codecs.flatMap(({ extensions }) => extensions)];

const FILE = { mode: 0o644, uid: 0, gid: 0, mtime: 0n } as const;
const LARGE = noise(300_000);
const ENTRIES: readonly FileEntry[] = [
  { ...FILE, path: '', type: 'directory', mode: 0o755, size: 0 },
  { ...FILE, path: 'd', type: 'directory', mode: 0o755, size: 0 },
  { ...FILE, path: 'd/large', type: 'file', size: LARGE.length, content: LARGE },
  { ...FILE, path: 'd/link', type: 'hardlink', mode: 0, size: 0, linkTarget: 'd/large' },
  { ...FILE, path: 'small', type: 'file', size: 5, content: Buffer.from('small') },
  { ...FILE, path: 'symlink', type: 'symlink', mode: 0o777, size: 0, linkTarget: 'd/large' },
];

async function* each<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}

const archives: Readonly<Record<string, AsyncIterable<Uint8Array>>> = {
  vma: packVma({
    configs: [{ name: 'qemu-server.conf', data: Buffer.from('cores: 1') }],
    drives: ['drive-scsi0', 'drive-scsi1'].map((name, index) => ({
      name,
      source: new BufferSource(noise((index + 1) * 512 * 700, index)),
    })),
  }),
  tar: (formatNamed('tar') as TreeFormat).pack(each(ENTRIES), {}),
  pxar: (formatNamed('pxar') as TreeFormat).pack(each(ENTRIES), {}),
};
const packed = await Promise.all(
  formats.map(async (format) => {
    const archive = await collect(archives[format.name]!);
    const holds = format.kind === 'disks' ? ['drive-scsi0', 'drive-scsi1'] : ENTRIES.map(({ path }) => path);
    return { name: format.name, format, archive, holds };
  }),
);

describe.each(packed)('$name is an ArchiveFormat', (tried) => testArchiveFormat(tried));

describe.each(formats)('$name', (row) => {
  test('is found by its name, and by a file name with any codec', () => {
    expect(formatNamed(row.name)).toBe(row);
    for (const ending of endings) {
      expect(formatForFileName(`vzdump-qemu-100${row.extension}${ending}`)).toBe(row);
    }
    expect(formatForFileName(`a${row.extension}.old`)).toBeUndefined();
  });

  test('is found by the file name where the content does not tell', () => {
    expect(detectFormat(Buffer.from('damaged'), `a${row.extension}`)).toBe(row);
  });
});

test('.tgz is a tar', () => {
  expect(formatForFileName('vzdump-openvz-100.tgz')?.name).toBe('tar');
  expect(formatForFileName('tgz')).toBeUndefined();
});

test('what can be written is known by its extensions', () => {
  expect(writtenExtensions()).toEqual({
    formats: ['.vma', '.tar', '.pxar', '.mpxar'],
    codecs: ['.lzo', '.gz', '.zst'],
  });
});

test('VMA is found by its magic number, whatever the name is', () => {
  expect(detectFormat(Buffer.from('VMA\0\0\0\0\x01'), 'a.tar').name).toBe('vma');
});

describe('what is compressed with something that is not read here is called by its name', () => {
  const content = Buffer.alloc(5000, 'content');
  test.each<[name: string, head: Buffer]>([
    ...[1, 5, 6, 9].map((level): [string, Buffer] => ['zlib', deflateSync(content, { level })]),
    ['xz', Buffer.from('fd377a585a000004e6d6b446', 'hex')],
    ['zip', Buffer.from('504b03042d00000008', 'hex')],
  ])('%s', (name, head) => {
    for (const fileName of ['', 'a.vma.gz', 'a.tar']) {
      expect(() => detectFormat(head, fileName)).toThrow(
        expect.objectContaining({
          code: 'CODEC_FOREIGN',
          message: expect.stringContaining(`compressed with ${name}`),
          hint: expect.stringContaining('decompress it first'),
        }),
      );
    }
  });

  test('a tar whose first name begins as its magic number is none', () => {
    const header = Buffer.alloc(FORMAT_DETECT_BYTES);
    header.write('x^2.txt');
    header.write('ustar\x0000', 257);
    header.write(' '.repeat(8), 148);
    const sum = header.subarray(0, 512).reduce((total, byte) => total + byte, 0);
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
    expect(detectFormat(header).name).toBe('tar');
  });
});

test('what is known nowhere is refused with the reason', () => {
  expect(() => formatNamed('rar')).toThrow(expect.objectContaining({ code: 'FORMAT_UNKNOWN' }));
  expect(() => detectFormat(Buffer.from('Rar!'))).toThrow(
    'no archive that is known here begins with 52617221',
  );
  expect(() => detectFormat(Buffer.alloc(0))).toThrow('there is nothing to read: it is empty');
});
