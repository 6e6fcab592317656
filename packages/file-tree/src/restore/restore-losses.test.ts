import { expect, test } from 'vitest';
import { Losses, type LossKind } from './restore-losses.js';

test.each([
  ['socket', true],
  ['device', false],
  ['fifo', false],
  ['owner', false],
  ['acl', false],
] satisfies [LossKind, boolean][])('a lost %s is a notice: %j', (kind, isNotice) => {
  const losses = new Losses();
  losses.add(kind, 'run/x', 'mknodat: EPERM');
  losses.warn(({ isNotice: told = false, code }) => {
    expect([code, told]).toEqual([`TREE_LOST_${kind.toUpperCase()}`, isNotice]);
  });
  expect.assertions(1);
});
