import { codecs } from '@vzdump-format/codecs';
import { describe, expect, test } from 'vitest';
import { detectFormat, format, formatForFileName, formats } from './formats.js';

const endings = ['', ...codecs.flatMap(({ extensions }) => extensions)];

describe.each(formats)('$name', (row) => {
  test('is found by its name, and by a file name with any codec', () => {
    expect(format(row.name)).toBe(row);
    for (const ending of endings) {
      expect(formatForFileName(`vzdump-qemu-100${row.extension}${ending}`)).toBe(row);
    }
    expect(formatForFileName(`a${row.extension}.old`)).toBeUndefined();
  });

  test('is found by the file name where the content does not tell', () => {
    expect(detectFormat(Buffer.from('damaged'), `a${row.extension}`)).toBe(row);
  });
});

test('VMA is found by its magic number, whatever the name is', () => {
  expect(detectFormat(Buffer.from('VMA\0\0\0\0\x01'), 'a.tar').name).toBe('vma');
});

test('what is known nowhere is refused with the reason', () => {
  expect(() => format('rar')).toThrow(expect.objectContaining({ code: 'FORMAT_UNKNOWN' }));
  expect(() => detectFormat(Buffer.from('Rar!'))).toThrow(
    'no archive that is known here begins with 52617221',
  );
  expect(() => detectFormat(Buffer.alloc(0))).toThrow('there is nothing to read: it is empty');
});
