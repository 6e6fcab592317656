import { expect, test } from 'vitest';
import { alignedTable } from './table.js';

const columns = [
  { heading: 'NAME', text: ([name = '']: string[]) => name },
  { heading: 'SIZE', text: ([, size = '']: string[]) => size, alignRight: true },
  { heading: 'NOTES', text: ([, , notes = '']: string[]) => notes },
];

test('columns are as wide as they need to be, and lines end where their text does', () => {
  const rows = [
    ['a', '1 B', 'first'],
    ['a long name', '1.0 GiB', ''],
  ];
  expect(alignedTable(rows, columns)).toBe(
    ['NAME            SIZE  NOTES', 'a                1 B  first', 'a long name  1.0 GiB', ''].join('\n'),
  );
});

test('without rows, the headings are left', () => {
  expect(alignedTable([], columns)).toBe('NAME  SIZE  NOTES\n');
});
