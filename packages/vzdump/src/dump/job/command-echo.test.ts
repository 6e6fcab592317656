import { expect, test } from 'vitest';
import { commandEcho } from './run-job.js';

test.each([
  [[100, 101], {}, 'vzdump 100 101'],
  [[], { all: true, exclude: [1000, 2000], quiet: false }, 'vzdump --all 1 --exclude 1000,2000 --quiet 0'],
  [[100], { 'exclude-path': ['/a b', '/c*', ''] }, "vzdump 100 --exclude-path '/a b' --exclude-path '/c*'"],
  [[100], { script: "/it's", mailto: ['a@b', 'c'] }, "vzdump 100 --script '/it'\\''s' --mailto a@b,c"],
  [
    [100],
    { 'prune-backups': { last: 3, daily: 7 }, performance: new Map([['max-workers', '4']]) },
    'vzdump 100 --prune-backups keep-daily=7,keep-last=3 --performance max-workers=4',
  ],
  [[100], { stdout: true, 'job-id': 'x', tmpdir: '', bwlimit: 10 }, 'vzdump 100 --bwlimit 10'],
] as const)('%j %j', (vmids, options, command) => {
  expect(commandEcho(vmids, options)).toBe(command);
});
