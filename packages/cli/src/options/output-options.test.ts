import { expect, test } from 'vitest';
import { UsageError } from '../output/exit-status.js';
import { formatOfOutput } from './output-options.js';

test.each([
  ...[
    'x.zip',
    'x.foo',
    'x.TAR',
    'backup.2026',
    'x.',
    'x.ppxar',
    'x.bz2',
    'x.tzst',
    'x.vma.xz',
    'x.vma.zst.old',
  ],
  ...['x.zip.zst', 'x.gz.zst', 'backup.2026.zst', '.hidden.zip', 'vma.d/x.zip', '/dev/fd/3.tmp', 'a.tar\n.x'],
])('%j tells no format', (name) => {
  expect(() => formatOfOutput(name, undefined)).toThrow(UsageError);
  expect(formatOfOutput(name, 'tar')?.name).toBe('tar');
});

test.each(['-', 'x', 'x.zst', 'x.gz', 'x.lzo', '.hidden', '.gz', 'of.2026/x', 'x.zip/backup', '/dev/stdout'])(
  '%j leaves the format open',
  (name) => {
    expect(formatOfOutput(name, undefined)).toBeUndefined();
    expect(formatOfOutput(name, 'pxar')?.name).toBe('pxar');
  },
);

test.each([
  ['a.vma', 'vma'],
  ['a.tar.zst', 'tar'],
  ['a.2026.tar.lzo', 'tar'],
  ['a.tgz', 'tar'],
  ['a.pxar.gz', 'pxar'],
  ['a.mpxar', 'pxar'],
])('%s says %s, and nothing else may be asked for', (name, format) => {
  expect(formatOfOutput(name, undefined)?.name).toBe(format);
  expect(formatOfOutput(name, format)?.name).toBe(format);
  for (const other of ['vma', 'tar', 'pxar'].filter((row) => row !== format)) {
    expect(() => formatOfOutput(name, other)).toThrow(/does not fit the name/);
  }
});
