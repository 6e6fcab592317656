import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeText, encodeText, guestDescription, withDescription } from './description.js';
import { formatGuestConfig, parseGuestConfig } from './guest-config.js';

function description(text: string): string | undefined {
  return guestDescription(parseGuestConfig(text, 'lxc'));
}

test('is the comments of the current section, decoded', () => {
  expect(description('#a%3A b\n#\n# Gr%C3%BC%C3%9Fe\narch: x\n#last\n[snap]\n#other\n')).toBe(
    'a: b\n\n Grüße\nlast\n',
  );
});

test('is the value of the key in older files', () => {
  expect(description('description: a%0Ab\n')).toBe('a\nb');
  expect(description('#x\ndescription: y\n')).toBe('x\n');
  expect(description('arch: x\n')).toBeUndefined();
});

test('is replaced', () => {
  const config = parseGuestConfig('#old\narch: x\n#older\ndescription: y\n[snap]\n#other\n', 'lxc');
  expect(formatGuestConfig(withDescription(config, 'a: ü\n\nb\n'))).toBe(
    '#a%3A %C3%BC\n#\n#b\narch: x\n[snap]\n#other\n',
  );
  for (const nothing of ['', '\n\n']) {
    expect(formatGuestConfig(withDescription(config, nothing))).toBe('arch: x\n[snap]\n#other\n');
  }
});

test('what is set is read', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), (text) => {
      const config = withDescription(parseGuestConfig('arch: x\n', 'lxc'), text);
      const read = guestDescription(parseGuestConfig(formatGuestConfig(config), 'lxc'));
      const content = text.replace(/\n*$/, '');
      expect(read).toBe(content === '' ? undefined : `${content}\n`);
    }),
  );
});

describe('encoding', () => {
  test.each([
    ['a:b%', 'a%3Ab%25'],
    ['\t\x7f', '%09%7F'],
    ['€', '%E2%82%AC'],
    ['😀', '%F0%9F%98%80'],
    ['\udcff', '%FF'],
  ])('%j', (text, encoded) => {
    expect(encodeText(text)).toBe(encoded);
    expect(decodeText(encoded)).toBe(text);
  });

  test.each(['%', '%4', '%zz', 'a%'])('%j is no escape, and stays', (text) => {
    expect(decodeText(text)).toBe(text);
  });
});
