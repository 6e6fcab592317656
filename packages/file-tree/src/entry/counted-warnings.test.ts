import { expect, test } from 'vitest';
import { CountedWarnings } from './counted-warnings.js';

test('each kind is told once, at the end, with the number of its entries and the first of them', () => {
  const told: unknown[] = [];
  const warnings = new CountedWarnings((warning) => told.push(warning));
  for (const path of ['a', 'a', 'b\n', 'a']) warnings.add('LEFT_OUT', 'lost their tails', path);
  warnings.add('LEFT_OUT', 'lost their heads', '');
  warnings.addNotice('SOCKET', 'are sockets', 's');
  expect(told).toEqual([]);
  warnings.finish();
  expect(told).toEqual([
    { code: 'LEFT_OUT', message: '3 entries lost their tails; first a', entry: 'a' },
    { code: 'LEFT_OUT', message: '1 entry lost their heads; first the root directory', entry: '' },
    { code: 'SOCKET', message: '1 entry are sockets; first s', entry: 's', isNotice: true },
  ]);
});
