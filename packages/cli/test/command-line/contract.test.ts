import { vectorPath } from '@vzdump-format/test-vectors';
import { scratch } from '@vzdump-format/testing';
import { describe, expect, test } from 'vitest';
import { errorDocument, linesOf, runCli } from '../support/running-cli.js';

const ARCHIVE = vectorPath('vma/two-drives-two-configs.vma');
const TREE = vectorPath('pxar/types.pxar');
const DAMAGED = vectorPath('vma-bad/extent-block-count-plus-1-data.vma');

describe('what is wrong with the command line has status 2 and says where to look', () => {
  test.each([
    [['bogus'], "unknown command 'bogus'", 'see vzdump-format --help'],
    [['lst', 'x'], "unknown command 'lst' (Did you mean list?)", 'see vzdump-format --help'],
    [
      ['list', '--jsn', 'x'],
      "unknown option '--jsn' (Did you mean --json?)",
      'see vzdump-format list --help',
    ],
    [['help', 'bogus'], "unknown command 'bogus'", 'see vzdump-format --help'],
    [['--bogus'], "unknown option '--bogus'", 'see vzdump-format --help'],
    [['list'], "missing required argument 'archive'", 'see vzdump-format list --help'],
    [['list', 'a', 'b'], /^too many arguments/, 'see vzdump-format list --help'],
    [['list', '--bogus', 'a'], "unknown option '--bogus'", 'see vzdump-format list --help'],
    [['verify'], "missing required argument 'archive'", 'see vzdump-format verify --help'],
    [['unpack', 'a.vma'], 'unpack needs --to DIRECTORY', 'see vzdump-format unpack --help'],
    [['unpack', 'a', '--to'], /argument missing/, 'see vzdump-format unpack --help'],
    [['pack', 'a.vma'], 'there is nothing to pack', /--drive NAME=PATH/],
    [['pack', '-', '--config', 'a'], /no name to tell the format/, 'give --format: vma, tar, pxar'],
    [['pack', 'a.img', '--config', 'a'], "the name 'a.img' does not tell the format", /or give --format/],
    [['pack', 'a.tar', '--format', 'vma'], "--format vma does not fit the name 'a.tar'", /leave it out/],
    [
      ['pack', 'a.vma.bz2', '--config', 'a'],
      'bzip2 is only read, not written',
      'written are .lzo, .gz, .zst',
    ],
    [['pack', 'a.vma', '--drive', 'b'], "--drive takes NAME=PATH, not 'b'", /pack --help/],
    [['pack', 'a.vma', '--drive', 'format=ntfs:a=b'], /no image format is named 'ntfs'/, /qcow2/],
    [['pack', 'a.vma', '--ctime', 'now'], /--ctime takes a whole number/, /pack --help/],
    [['pack', 'a.vma.zst', '--zstd', '-1'], /--zstd takes a whole number, 0 to 256, not '-1'/, /pack --help/],
    [['pack', 'a.vma', '--bwlimit', '1.5'], /--bwlimit takes a whole number/, /pack --help/],
    [['pack', 'a.vma', '--config', 'a', '--level', '3'], /--level is for compressed/, /pack --help/],
    [['pack', 'a.vma.gz', '--config', 'a', '--level', '10'], /gzip has levels 1 to 9, not 10/, /pack/],
    [['pack', 'a.vma.lzo', '--config', 'a', '--level', '9'], /lzo has level 3 only, not 9/, /pack/],
    [['pack', 'a.vma.gz', '--config', 'a', '--level', '-1'], /whole number, 0 or more, not '-1'/, /pack/],
    [['pack', 'a.vma.gz', '--config', 'a', '--compress', 'zstd'], /does not fit the name/, /leave it out/],
    [['pack', 'a.vma', '--compress', 'rar'], /'rar' is invalid/, /pack --help/],
    [['list', 'a', '--long', '40'], "--long takes a whole number, 10 to 31, not '40'", /list --help/],
    [['list', 'a', '--progress', 'loud'], /'loud' is invalid/, /list --help/],
    [['unpack', ARCHIVE, '--to', 'x', '--idmap', 'b:0:1:2'], '--idmap does not go with vma', /unpack --help/],
    [['unpack', ARCHIVE, '--to', 'x', '--include-dev'], '--include-dev does not go with vma', /--help/],
    [['unpack', TREE, '--to', 'x', '--drive', 'a=b'], '--drive does not go with pxar', /unpack --help/],
    [['unpack', TREE, '--to', 'x', '--skip', 'a'], '--skip does not go with pxar', /unpack --help/],
    [['completion', 'tcsh'], "no shell is known as 'tcsh'", 'there are bash, zsh, fish'],
  ] as const)('%j', async (args, message, hint) => {
    const result = await runCli([...args]);
    const [first = '', second = '', ...rest] = linesOf(result.stderr);
    expect(first.replace(/^vzdump-format: /, '')).toMatch(message);
    expect(first).toMatch(/^vzdump-format: /);
    expect(second.replace(/^hint: /, '')).toMatch(hint);
    expect(second).toMatch(/^hint: /);
    expect([rest, result.stdout.length, result.status]).toEqual([[], 0, 2]);
  });

  test('as JSON too', async () => {
    const result = await runCli(['list', '--json']);
    expect(result.status).toBe(2);
    expect(errorDocument(result)).toEqual({
      type: 'error',
      code: 'USAGE',
      message: "missing required argument 'archive'",
      hint: 'see vzdump-format list --help',
    });
  });
});

describe('what fails has status 1', () => {
  test.each([
    [['list', '/nonexistent.vma'], '/nonexistent.vma: no such file or directory', undefined],
    [['unpack', ARCHIVE, '--to', ''], "'': no such file or directory", undefined],
    [['unpack', TREE, '--to', ''], "'': no such file or directory", undefined],
    [['unpack', TREE, '--to', '/proc/none/below'], '/proc/none: no such file or directory', undefined],
    [['unpack', ARCHIVE, '--to', '/proc/none/below'], '/proc/none: no such file or directory', undefined],
    [['list', '/'], '/ is neither a regular file nor a block device', undefined],
    [['list', '-'], 'standard input: there is nothing to read: it is empty', /known are \.vma/],
    [['pack', '/nonexistent/a.vma', '--config', ARCHIVE], /^\/nonexistent\/a.vma: no such file/, undefined],
    [['pack', 'a.vma', '--config', '/nonexistent'], '/nonexistent: no such file or directory', undefined],
    [['pack', 'a.vma', '--config', '/'], /^\/: /, undefined],
    [['pack', 'a.vma', '--drive', 'a=/nonexistent'], '/nonexistent: no such file or directory', undefined],
    [['pack', 'a.vma', '--config', ARCHIVE, '--uuid', 'x'], /not a uuid/, undefined],
    [
      ['pack', '/dev/null', '--format', 'vma', '--force', '--config', ARCHIVE],
      /not a regular file/,
      /> PATH/,
    ],
    [['config', ARCHIVE, '--name', 'x'], /no config "x"/, 'it has: qemu-server.conf, qemu-server.fw'],
    [['cat', ARCHIVE, 'x'], /no drive "x"/, 'it has: drive-virtio0, drive-virtio1'],
  ] as const)('%j', async (args, message, hint) => {
    const result = await runCli([...args], { cwd: await scratch() });
    const [first = '', second, ...rest] = linesOf(result.stderr);
    expect(first.replace(/^vzdump-format: /, '')).toMatch(message);
    if (hint === undefined) expect(second).toBeUndefined();
    else expect(second?.replace(/^hint: /, '')).toMatch(hint);
    expect([rest, result.stdout.length, result.status]).toEqual([[], 0, 1]);
  });

  test('in one line each, whatever the names are', async () => {
    const { stderr } = await runCli(['list', '/no\n\u001b[31msuch\rfile\u202e', '--verbose']);
    const shown = '/no\\x0a\\x1b[31msuch\\x0dfile\\u{202e}';
    const [message, , entry] = linesOf(stderr);
    expect(message).toBe(`vzdump-format: ${shown}: no such file or directory`);
    expect(entry).toBe(`entry: ${shown}`);
  });
});

test('--verbose adds code, offset and cause', async () => {
  const damaged = await runCli(['verify', DAMAGED, '--verbose']);
  expect(linesOf(damaged.stderr)).toEqual([
    expect.stringMatching(/^vzdump-format: .*extent-block-count-plus-1-data\.vma: .*\(at byte 12800\)$/),
    expect.stringMatching(/^code: VMA_EXTENT_BLOCK_COUNT$/),
    'offset: 12800',
  ]);
  const missing = await runCli(['list', '/nonexistent', '--verbose']);
  expect(linesOf(missing.stderr)).toContain('code: ENOENT');
  expect(linesOf(missing.stderr)).toContainEqual(expect.stringMatching(/^cause: ENOENT: .*'\/nonexistent'$/));
});

describe('--json', () => {
  test('the last line of stderr is the error', async () => {
    const result = await runCli(['unpack', DAMAGED, '--to', 'out', '--json', '--progress=json'], {
      cwd: await scratch(),
    });
    expect(errorDocument(result)).toMatchObject({
      type: 'error',
      code: 'VMA_EXTENT_BLOCK_COUNT',
      offset: 12800,
      message: expect.stringContaining(DAMAGED),
    });
    expect([result.status, result.stdout.length]).toEqual([1, 0]);
  });

  test('also when good archives follow the bad one', async () => {
    const result = await runCli(['verify', DAMAGED, ARCHIVE, '--json', '--progress=json']);
    expect(errorDocument(result)).toMatchObject({ type: 'error', code: 'VMA_EXTENT_BLOCK_COUNT' });
    expect(result.status).toBe(1);
  });

  test('every line of stderr is a document', async () => {
    const args = ['pack', 'a.vma', '--drive', `a=${ARCHIVE}`, '--json', '--progress=json'];
    const { stderr, status, stdout } = await runCli(args, { cwd: await scratch() });
    const types = linesOf(stderr).map((line) => JSON.parse(line).type);
    expect(new Set(types)).toEqual(new Set(['progress', 'info']));
    expect([status, stdout.length]).toEqual([0, 0]);
  });
});

describe('warnings have status 3', () => {
  const args = ['verify', vectorPath('vma/dup-device-names.vma')];

  test('in a line each', async () => {
    const { status, stderr } = await runCli([...args, '--verbose']);
    expect(status).toBe(3);
    expect(linesOf(stderr)).toEqual([
      expect.stringMatching(/^vzdump-format: warning: more than one device is named/),
      expect.stringMatching(/^hint: /),
      'code: VMA_DEVICE_NAME_REPEATED',
      expect.stringMatching(/^entry: /),
    ]);
  });

  test('as JSON', async () => {
    const result = await runCli([...args, '--json']);
    expect(result.status).toBe(3);
    expect(errorDocument(result)).toMatchObject({ type: 'warning', code: 'VMA_DEVICE_NAME_REPEATED' });
  });
});

describe('help', () => {
  test('goes to stdout and lists the commands and exit statuses', async () => {
    const { status, stdout, stderr } = await runCli(['--help']);
    for (const line of [/^ {2}pack /m, /^ {2}man /m, /^Exit status:$/m, /^ {2}3 +done, with warnings$/m]) {
      expect(stdout.toString()).toMatch(line);
    }
    expect([status, stderr]).toEqual([0, '']);
  });

  test.each([[['pack', '--help']], [['help', 'pack']]])('%j', async (args) => {
    const { status, stdout } = await runCli(args);
    expect(stdout.toString()).toContain('--drive <NAME=PATH>');
    expect(stdout.toString()).toContain('Examples:');
    expect(status).toBe(0);
  });

  test('options stand under headings: those of a VM, of a tree, of every command', async () => {
    const { stdout } = await runCli(['pack', '-h']);
    const parts = stdout.toString().split(/^(?=\S.*:$)/m);
    const under = (heading: string) => parts.find((part) => part.startsWith(`${heading}:`)) ?? '';
    expect(under('Options')).toMatch(/--config .*--format /s);
    expect(under('Of the drives of a VM')).toMatch(/--drive .*--uuid .*--ctime /s);
    expect(under('Of a directory tree')).toMatch(/--root .*--exclude-path .*--stdexcludes /s);
    expect(under('Options of every command')).toMatch(/-v, --verbose .*-q, --quiet .*-h, --help /s);
    expect(under('Of the drives of a VM')).not.toContain('--root');
  });

  test('a bare call has it on stderr, and is a usage error', async () => {
    const { status, stdout, stderr } = await runCli([]);
    const help = (await runCli(['--help'])).stdout.toString();
    const error = 'vzdump-format: a command is missing\nhint: see vzdump-format COMMAND --help\n';
    expect(stderr).toBe(`${help}\n${error}`);
    expect([status, stdout.length]).toEqual([2, 0]);
  });

  test('--version', async () => {
    const { status, stdout } = await runCli(['--version']);
    expect(stdout.toString()).toMatch(/^\d+\.\d+\.\d+\n$/);
    expect(status).toBe(0);
  });
});

describe('options of one letter, and from the environment', () => {
  test.each([[['-V']], [['-Vv']], [['-V', '-v']]])('%j is the version', async (args) => {
    const { status, stdout } = await runCli(args);
    expect(stdout.toString()).toMatch(/^\d+\.\d+\.\d+\n/);
    expect([stdout.toString().includes('Node.js: '), status]).toEqual([args.join('').includes('v'), 0]);
  });

  test.each([
    [['-q'], {}],
    [[], { VZDUMP_FORMAT_QUIET: '1' }],
  ])('%j with %j says nothing of what is in order', async (args, env) => {
    const { status, stdout, stderr } = await runCli(['verify', ARCHIVE, ...args], { env });
    expect([status, stdout.length, stderr]).toEqual([0, 0, '']);
  });

  test.each([
    [['-v'], {}],
    [['-qv'], {}],
    [[], { VZDUMP_FORMAT_VERBOSE: '1' }],
  ])('%j with %j has the code of an error', async (args, env) => {
    const { stderr } = await runCli(['verify', DAMAGED, ...args], { env });
    expect(linesOf(stderr)).toContain('code: VMA_EXTENT_BLOCK_COUNT');
  });

  test('dump has them, too, and its own --quiet wins over the variable', async () => {
    const env = { VZDUMP_FORMAT_QUIET: '1', VZDUMP_FORMAT_PVE_ROOT: '/nonexistent' };
    const args = ['dump', '999', '--dumpdir', '/nonexistent', '--lock-file', `${await scratch()}/lock`];
    const quiet = await runCli([...args, '-q'], { env });
    expect(quiet.stderr).not.toContain('INFO:');
    expect(quiet.stderr).not.toContain('unknown option');
    const loud = await runCli([...args, '--quiet', '0'], { env });
    expect(loud.stderr).not.toContain('USAGE');
    expect(loud.status).toBe(1);
  });

  test('the command line wins; what a variable says wrongly is told by its name', async () => {
    const env = { VZDUMP_FORMAT_LONG: '99' };
    expect((await runCli(['list', ARCHIVE, '--long', '27'], { env })).status).toBe(0);
    const { status, stderr } = await runCli(['list', ARCHIVE], { env });
    expect(linesOf(stderr)[0]).toMatch(/^vzdump-format: VZDUMP_FORMAT_LONG: .*10 to 31, not '99'$/);
    expect(status).toBe(2);
  });
});
