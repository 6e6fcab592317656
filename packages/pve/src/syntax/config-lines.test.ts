import type { ArchiveWarning } from '@vzdump-format/streams';
import { describe, expect, test } from 'vitest';
import { parseSections } from './config-lines.js';

function parse(text: string) {
  const warnings: ArchiveWarning[] = [];
  const sections = parseSections(text, {
    file: 'storage.cfg',
    onWarning: (warning) => warnings.push(warning),
  });
  return {
    sections: sections.map(({ type, id, properties }) => [type, id, Object.fromEntries(properties)]),
    warnings: warnings.map(({ message }) => message),
  };
}

describe('parseSections', () => {
  test('reads keys with values, and without', () => {
    expect(parse('dir: a\n\tpath /a b \n  \t# comment\n disable\n\tcontent   x,y\n\n#c\nnfs:b\n')).toEqual({
      sections: [
        ['dir', 'a', { path: '/a b', disable: '', content: 'x,y' }],
        ['nfs', 'b', {}],
      ],
      warnings: [],
    });
  });

  test('an empty line ends a section', () => {
    expect(parse('dir: a\n\tpath /a\n\n\tcontent x\n')).toEqual({
      sections: [['dir', 'a', { path: '/a' }]],
      warnings: ['storage.cfg, line 4: ignore config line: \\x09content x'],
    });
  });

  test.each([' ', '\t', ' \t ', '\v\f', ' \r'])('a line of blanks, %j, does not', (blanks) => {
    expect(parse(`dir: a\n\tpath /a\n${blanks}\n\tcontent x\n`)).toEqual({
      sections: [['dir', 'a', { path: '/a', content: 'x' }]],
      warnings: [],
    });
  });

  test('of two values, the first counts', () => {
    expect(parse('dir: a\n\tpath /a\n\tpath /b\n')).toEqual({
      sections: [['dir', 'a', { path: '/a' }]],
      warnings: ['storage.cfg, line 3: given twice, the first one counts: \\x09path /b'],
    });
  });

  test('a section that no empty line stands before is read, and told of', () => {
    expect(parse('dir: a\ndir: b\n\tpath /b\n')).toEqual({
      sections: [
        ['dir', 'a', {}],
        ['dir', 'b', { path: '/b' }],
      ],
      warnings: [
        'storage.cfg, line 2: no empty line before the section, which Proxmox VE needs to see it: dir: b',
      ],
    });
  });

  test.each(['dir a', 'dir:', ': a', 'dir: a b', '\tpath /x', 'dir: a\npath /x', '\0'])(
    '%j is told of',
    (text) => {
      expect(parse(text).warnings).toHaveLength(1);
    },
  );

  test('carriage returns do not count', () => {
    expect(parse('dir: a\r\n\tpath /a\r\n\r\ndir: b\r\n')).toEqual({
      sections: [
        ['dir', 'a', { path: '/a' }],
        ['dir', 'b', {}],
      ],
      warnings: [],
    });
  });

  test.each([
    `a:${' '.repeat(1 << 20)}b c`,
    `a: b\n\tk${' '.repeat(1 << 20)}`,
    'a'.repeat(1 << 20),
    `a: b\n\t${'k'.repeat(1 << 20)}`,
  ])('a lot of it takes one pass (%.8j)', (text) => {
    expect(parse(text).sections.length).toBeLessThan(2);
  });
});
