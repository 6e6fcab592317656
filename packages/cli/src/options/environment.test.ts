import { expect, test } from 'vitest';
import type { OptionSpec } from '../command.js';
import { environmentName, withEnvironment } from './environment.js';
import { wholeNumber } from './options.js';

const specs: readonly OptionSpec[] = [
  { flags: '--quiet', description: '', environment: environmentName('quiet') },
  { flags: '--index-dir <directory>', description: '', environment: environmentName('index-dir') },
  { flags: '--progress <mode>', description: '', choices: ['auto', 'none'], environment: 'PROGRESS' },
  {
    ...{ flags: '--threads <n>', description: '', environment: 'THREADS', sameAs: ['zstd'] },
    parse: (text) => wholeNumber('--threads', text, 0),
  },
  { flags: '--uuid <uuid>', description: '' },
];

test.each([
  [{}, {}, {}],
  [{}, { VZDUMP_FORMAT_INDEX_DIR: '/srv/i', THREADS: '3' }, { indexDir: '/srv/i', threads: 3 }],
  [{ indexDir: 'here' }, { VZDUMP_FORMAT_INDEX_DIR: '/srv/i' }, { indexDir: 'here' }],
  [{}, { VZDUMP_FORMAT_QUIET: '1', PROGRESS: '' }, { quiet: true }],
  [{}, { VZDUMP_FORMAT_QUIET: '0' }, { quiet: false }],
  [{ quiet: true }, { VZDUMP_FORMAT_QUIET: '0' }, { quiet: true }],
  [{ zstd: 4 }, { THREADS: '3' }, { zstd: 4 }],
  [{}, { VZDUMP_FORMAT_UUID: 'x' }, {}],
])('%j with %j is %j', (given, environment, expected) => {
  expect(withEnvironment(given, specs, environment)).toEqual(expected);
});

test.each([
  [{ PROGRESS: 'loud' }, "PROGRESS: 'loud' is none of auto, none"],
  [{ VZDUMP_FORMAT_QUIET: 'yes' }, "VZDUMP_FORMAT_QUIET: 'yes' is none of 0, 1"],
  [{ THREADS: '-1' }, /^THREADS: .* takes a whole number, 0 or more, not '-1'$/],
])('%j is refused by its name', (environment, message) => {
  expect(() => withEnvironment({}, specs, environment)).toThrow(message);
});
