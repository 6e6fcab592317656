import { expect, test } from 'vitest';
import { rsyncArguments } from './rsync.js';

const SELECTION = {
  root: '/proc/4711/root',
  paths: ['/', '/srv/data'],
  excludePatterns: ['/tmp/?*', '*.bak'],
  excludedPaths: ['/var/cache'],
  target: '/var/tmp/vzdumptmp1_101',
  withAttributes: true,
  bandwidthLimit: 0,
};

test('the command is the one that vzdump runs', () => {
  expect(rsyncArguments(SELECTION).join(' ')).toBe(
    '--stats -h -X -A --numeric-ids -aH --delete --no-whole-file --sparse --one-file-system --relative ' +
      '--exclude=/tmp/?* --exclude=*.bak --exclude=/var/cache ' +
      '/proc/4711/root//./ /proc/4711/root//./srv/data /var/tmp/vzdumptmp1_101',
  );
});

test('a limit is in KiB/s; without attributes, there are none of them', () => {
  const args = rsyncArguments({ ...SELECTION, withAttributes: false, bandwidthLimit: 2048 });
  expect(args.slice(0, 3)).toEqual(['--stats', '-h', '--numeric-ids']);
  expect(args).toContain('--bwlimit=2048');
});

test('the path of a mount point is no pattern', () => {
  const args = rsyncArguments({ ...SELECTION, excludePatterns: [], excludedPaths: ['/a\\b', '/c[d]\\*?'] });
  expect(args.filter((arg) => arg.startsWith('--exclude'))).toEqual([
    '--exclude=/a\\b',
    '--exclude=/c\\[d]\\\\\\*\\?',
  ]);
});
