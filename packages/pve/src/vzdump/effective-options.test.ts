import type { ArchiveWarning } from '@vzdump-format/streams';
import { describe, expect, test } from 'vitest';
import { keepsAll } from '../backup/retention.js';
import { checkCommandLine, chosenGuests, effectiveOptions } from './effective-options.js';
import type { VzdumpOptions } from './vzdump-options.js';

function effective(commandLine: VzdumpOptions, file: VzdumpOptions = {}, storages: object = {}) {
  const storageRetention = (id: string) => storages[id as keyof typeof storages];
  return effectiveOptions({ commandLine, file, storageRetention });
}

describe('effectiveOptions', () => {
  test('has the defaults', () => {
    expect(effective({})).toEqual({
      all: false,
      bwlimit: 0,
      compress: '0',
      'exclude-path': [],
      fleecing: new Map([['enabled', '0']]),
      ionice: 7,
      lockwait: 180,
      mailnotification: 'always',
      mode: 'snapshot',
      'notification-mode': 'auto',
      performance: new Map([
        ['max-workers', '16'],
        ['pbs-entries-max', '1048576'],
      ]),
      pigz: 0,
      'prune-backups': {},
      quiet: false,
      remove: false,
      stdexcludes: true,
      stop: false,
      stopwait: 10,
      storage: 'local',
      zstd: 1,
    });
  });

  test('takes the command line before the file before the default', () => {
    const { mode, ionice, bwlimit } = effective({ mode: 'stop' }, { mode: 'suspend', ionice: 3 });
    expect({ mode, ionice, bwlimit }).toEqual({ mode: 'stop', ionice: 3, bwlimit: 0 });
    expect(effective({ stdexcludes: false }, { stdexcludes: true }).stdexcludes).toBe(false);
    expect(effective({ bwlimit: 0 }, { bwlimit: 100 }).bwlimit).toBe(0);
  });

  test('asks the command line alone what to do', () => {
    const file = { all: true, exclude: [100], pool: 'x', node: 'y', stop: true };
    expect(effective({}, file)).toEqual(effective({}));
    expect(effective(file)).toMatchObject(file);
  });

  test('adds up exclude-path, the file first', () => {
    expect(effective({ 'exclude-path': ['/c'] }, { 'exclude-path': ['/a', '/b'] })['exclude-path']).toEqual([
      '/a',
      '/b',
      '/c',
    ]);
  });

  test('merges performance, and replaces fleecing', () => {
    const one = effective(
      {
        performance: new Map([['max-workers', '1']]),
        fleecing: new Map([
          ['enabled', '1'],
          ['storage', 'a'],
        ]),
      },
      {
        performance: new Map([['pbs-entries-max', '2']]),
        fleecing: new Map([
          ['enabled', '1'],
          ['storage', 'b'],
        ]),
      },
    );
    expect(Object.fromEntries(one.performance)).toEqual({ 'max-workers': '1', 'pbs-entries-max': '2' });
    expect(Object.fromEntries(one.fleecing)).toEqual({ enabled: '1', storage: 'a' });
  });

  describe('the target', () => {
    test.each([
      [{ storage: 'a' }, { storage: 'b' }, { storage: 'a' }],
      [{ storage: 'a' }, { dumpdir: '/b' }, { storage: 'a' }],
      [{ dumpdir: '/a' }, { storage: 'b' }, { dumpdir: '/a' }],
      [{ dumpdir: '/a//' }, {}, { dumpdir: '/a' }],
      [{ dumpdir: '/' }, {}, { dumpdir: '/' }],
      [{}, { storage: 'b' }, { storage: 'b' }],
      [{}, { dumpdir: '/b/' }, { dumpdir: '/b' }],
      [{}, {}, { storage: 'local' }],
      [{ stdout: true }, {}, {}],
      [{ stdout: true }, { dumpdir: '/b' }, { dumpdir: '/b' }],
      [{ stdout: true }, { storage: 'b' }, {}],
      [{ stdout: true, dumpdir: '/a' }, { storage: 'b' }, { dumpdir: '/a' }],
    ])('%j before %j is %j', (commandLine, file, expected) => {
      const { storage, dumpdir } = effective(commandLine, file);
      expect({ storage, dumpdir }).toEqual({ storage: undefined, dumpdir: undefined, ...expected });
    });

    test.each([
      [{ storage: 'a', dumpdir: '/a' }, {}, "cannot use options 'storage' and 'dumpdir' at the same time"],
      [{ storage: 'a', stdout: true }, {}, "cannot use options 'storage' and 'stdout' at the same time"],
    ])('%j with %j is refused', (commandLine, file, message) => {
      expect(() => effective(commandLine, file)).toThrow(
        expect.objectContaining({ code: 'OPTION_CONFLICT', message }),
      );
    });
  });

  describe('prune-backups', () => {
    const storages = { kept: { last: 2 }, all: {} };

    test.each([
      [{ storage: 'kept', 'prune-backups': { last: 1 } }, { last: 1 }],
      [{ storage: 'kept' }, { last: 2 }],
      [{ storage: 'all' }, {}],
      [{ storage: 'other' }, { last: 3 }],
      [{ dumpdir: '/kept' }, { last: 3 }],
    ])('%j', (commandLine, expected) => {
      const { 'prune-backups': retention, remove } = effective(
        commandLine,
        { 'prune-backups': { last: 3 } },
        storages,
      );
      expect(retention).toEqual(expected);
      expect(remove).toBe(Object.keys(expected).length > 0);
    });

    test.each([
      [{ maxfiles: 1, storage: 'kept' }, {}, { last: 1 }],
      [{ maxfiles: 0, storage: 'kept' }, {}, { last: 0 }],
      [{ storage: 'other' }, { maxfiles: 4 }, { last: 4 }],
      [{ storage: 'kept' }, { maxfiles: 4 }, { last: 2 }],
      [{ 'prune-backups': { daily: 1 } }, { maxfiles: 4 }, { daily: 1 }],
    ])('maxfiles: %j, %j', (commandLine, file, expected) => {
      const { 'prune-backups': retention, remove } = effective(commandLine, file, storages);
      expect([retention, remove]).toEqual([expected, !keepsAll(expected)]);
    });

    test('nothing is removed when that is asked for', () => {
      expect(effective({ remove: false, 'prune-backups': { last: 1 } }).remove).toBe(false);
      expect(effective({ stdout: true, 'prune-backups': { last: 1 } }).remove).toBe(false);
    });
  });

  test("the file's notes and protection do not count without a storage", () => {
    const file = { 'notes-template': 'x', protected: true };
    expect(effective({}, file)).toMatchObject(file);
    expect(effective({ dumpdir: '/a' }, file)).not.toHaveProperty('notes-template');
    expect(effective({ dumpdir: '/a' }, file)).not.toHaveProperty('protected');
    expect(effective({ stdout: true }, file)).not.toHaveProperty('protected');
  });

  test('fleecing needs a storage', () => {
    const fleecing = new Map([['enabled', 'on']]);
    expect(() => effective({ fleecing })).toThrow(
      expect.objectContaining({
        code: 'OPTION_REQUIRES',
        message: "'storage' parameter is required when 'enabled' is set",
      }),
    );
    expect(effective({ fleecing: new Map([['storage', 'x']]) }).fleecing.get('storage')).toBe('x');
  });
});

describe('what is told of', () => {
  function told(commandLine: VzdumpOptions, file: VzdumpOptions = {}) {
    const warnings: ArchiveWarning[] = [];
    effectiveOptions({ commandLine, file, onWarning: (warning) => warnings.push(warning) });
    return warnings.map(({ code, message, isNotice = false }) => [code, message, isNotice]);
  }

  test('what is deprecated, once', () => {
    const notices = ['mailnotification', 'mailto', 'maxfiles'].map((name) => {
      return ['OPTION_DEPRECATED', `option '${name}' is deprecated`, true];
    });
    const file: VzdumpOptions = { mailto: ['root'], maxfiles: 1 };
    expect(told({ mailto: ['admin'], mailnotification: 'failure' }, file)).toEqual(notices);
  });

  test('what has no effect, on the command line and in the file', () => {
    const options: VzdumpOptions = {
      fleecing: new Map([['enabled', '0']]),
      'job-id': 'x',
      'pbs-change-detection-mode': 'data',
      performance: new Map(),
    };
    const notices = Object.keys(options).map((name) => {
      return ['OPTION_IGNORED', expect.stringMatching(`^option '${name}' has no effect: `), true];
    });
    expect(told(options)).toEqual(notices);
    expect(told({}, options)).toEqual(notices);
    expect(told({ mode: 'stop', compress: 'zstd' }, { ionice: 3 })).toEqual([]);
  });

  test('two ways to say what is kept, in one place', () => {
    const both: VzdumpOptions = { maxfiles: 1, 'prune-backups': { last: 2 } };
    const message = (where: string) =>
      `both 'maxfiles' and 'prune-backups' are given ${where}: 'maxfiles' does not count`;
    expect(told(both)).toContainEqual(['OPTION_IGNORED', message('on the command line'), false]);
    expect(told({ dumpdir: '/' }, both)).toContainEqual(['OPTION_IGNORED', message('in vzdump.conf'), false]);
    expect(effective(both)['prune-backups']).toEqual({ last: 2 });
  });
});

describe('which guests', () => {
  test.each([
    [{}, { pool: 'x' }, { pool: 'x' }],
    [{ all: true }, { pool: 'x' }, { all: true }],
    [{ pool: 'y' }, { pool: 'x' }, { pool: 'y' }],
    [{ exclude: [100] }, { pool: 'x' }, { exclude: [100] }],
    [{ stop: true }, { pool: 'x' }, { stop: true }],
  ])('%j, and vzdump.conf has %j', (commandLine, file, expected) => {
    checkCommandLine(commandLine, false, file);
    expect(chosenGuests(commandLine, file)).toEqual(expected);
  });
});

describe('checkCommandLine', () => {
  test.each([
    [{ all: true }, "all: option conflicts with option 'vmid'"],
    [{ exclude: [100] }, "exclude: option conflicts with option 'vmid'"],
    [{ pool: 'x' }, "pool: option conflicts with option 'vmid'"],
  ])('%j beside guests is refused', (options, message) => {
    expect(() => checkCommandLine(options, true)).toThrow(
      expect.objectContaining({ code: 'OPTION_CONFLICT', message }),
    );
    expect(() => checkCommandLine(options, false)).not.toThrow();
  });

  test('something has to be said', () => {
    for (const options of [{}, { all: false }, { exclude: [] }]) {
      expect(() => checkCommandLine(options, false)).toThrow(
        expect.objectContaining({ code: 'OPTION_REQUIRES', message: 'vmid: property is missing' }),
      );
      expect(() => checkCommandLine(options, true)).not.toThrow();
    }
    expect(() => checkCommandLine({ stop: true }, false)).not.toThrow();
  });

  test.each([{ 'notes-template': 'x' }, { protected: true }, { protected: false }])(
    '%j needs a storage',
    (options) => {
      expect(() => checkCommandLine({ ...options, dumpdir: '/x' }, true)).toThrow(
        expect.objectContaining({ code: 'OPTION_REQUIRES' }),
      );
      expect(() => checkCommandLine({ ...options, storage: 'x' }, true)).not.toThrow();
    },
  );
});
