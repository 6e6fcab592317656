import { collect, overwriting } from '@vzdump-format/testing';
import { describe, expect, test } from 'vitest';
import {
  codec,
  codecForCompressOption,
  codecForFileName,
  codecs,
  DETECT_BYTES,
  detectCodec,
} from './registry.js';
import { mixedBytes } from './testing/bytes.js';

test('names are unique, and find their codec', () => {
  expect(new Set(codecs.map((row) => row.name)).size).toBe(codecs.length);
  for (const row of codecs) expect(codec(row.name)).toBe(row);
  expect(() => codec('rar')).toThrow(expect.objectContaining({ code: 'CODEC_UNKNOWN' }));
});

test('a file name tells the codec', () => {
  expect(codecForFileName('vzdump-qemu-100-2026_11_23-00_00_00.vma.zst').name).toBe('zstd');
  expect(codecForFileName('vzdump-lxc-100-2026_11_23-00_00_00.tar.lzo').name).toBe('lzo');
  expect(codecForFileName('vzdump-lxc-100-2026_11_23-00_00_00.tar.gz').name).toBe('gzip');
  expect(codecForFileName('vzdump-lxc-100-2026_11_23-00_00_00.tar').name).toBe('none');
});

describe('detection', () => {
  test.each(codecs.filter((row) => row.canCompress))(
    'knows what $name wrote, whatever the file is named',
    async (row) => {
      const compressed = await collect(row.compress()(overwriting(mixedBytes(1000), 'random')));
      const found = detectCodec(compressed.subarray(0, DETECT_BYTES), 'archive.zst');
      expect(found.magic).toEqual(row.magic);
    },
  );

  test('content without a magic is not compressed, whatever it is named', () => {
    expect(detectCodec(Buffer.from('BZh91AY&SY'), 'a').name).toBe('bzip2');
    expect(detectCodec(Buffer.from('VMA\0…………'), 'a.vma.gz').name).toBe('none');
  });

  test('where the content ends within the magic, the name decides', () => {
    expect(detectCodec(Buffer.alloc(0), 'a.vma.zst').name).toBe('zstd');
    expect(detectCodec(Uint8Array.of(0x1f), 'a.tar.gz').name).toBe('gzip');
    expect(detectCodec(Uint8Array.of(0x20), 'a.tar.gz').name).toBe('none');
    expect(detectCodec(Buffer.alloc(0), 'a.vma').name).toBe('none');
  });

  test('a skippable frame may come first', () => {
    expect(detectCodec(Buffer.from('502a4d180400000000', 'hex')).name).toBe('zstd');
    expect(detectCodec(Buffer.from('5f2a4d180400000000', 'hex')).name).toBe('zstd');
  });
});

test("vzdump's compress values", () => {
  expect(codecForCompressOption('0').codec.name).toBe('none');
  expect(codecForCompressOption('').codec.name).toBe('none');
  expect(codecForCompressOption(1).codec.name).toBe('lzo');
  expect(codecForCompressOption('lzo').codec.name).toBe('lzo');
  expect(codecForCompressOption('gzip')).toEqual({ codec: codec('gzip'), options: { rsyncable: true } });
  expect(codecForCompressOption('gzip', { pigz: 0 }).codec.name).toBe('gzip');
  expect(codecForCompressOption('gzip', { pigz: 1, cores: 8 })).toEqual({
    codec: codec('pigz'),
    options: { rsyncable: true, threads: 4 },
  });
  expect(codecForCompressOption('gzip', { pigz: 3, cores: 8 }).options.threads).toBe(3);
  expect(codecForCompressOption('zstd')).toMatchObject({
    codec: { name: 'zstd' },
    options: { threads: undefined },
  });
  expect(codecForCompressOption('zstd', { zstd: 0, cores: 5 }).options.threads).toBe(3);
  expect(codecForCompressOption('zstd', { zstd: 7, cores: 2 }).options.threads).toBe(7);
  expect(() => codecForCompressOption('xz')).toThrow(expect.objectContaining({ code: 'CODEC_UNKNOWN' }));
});
