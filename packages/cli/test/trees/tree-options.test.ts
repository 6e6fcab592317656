import { createHash } from 'node:crypto';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { keptScratch, scratch, testWith } from '@vzdump-format/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { errorDocument, linesOf, runCli, runCliForJson, runCliWell } from '../support/running-cli.js';
import {
  makeTree,
  packLikeVzdump,
  restoreLikePct,
  runFed,
  stateOf,
  testWithTrees,
} from '../support/tree-making.js';

const files = keptScratch();
const CONFIG = 'arch: amd64\nhostname: ct\nunprivileged: 1\n';
const FIREWALL = '[OPTIONS]\nenable: 1\n';

let simple: string;
let config: string;
let firewall: string;
let archive: string;

beforeAll(async () => {
  await files.make();
  simple = files.path('simple');
  config = files.path('101.conf');
  firewall = files.path('101.fw');
  archive = files.path('ct.tar');
  writeFileSync(config, CONFIG);
  writeFileSync(firewall, FIREWALL);
  for (const name of [
    'etc/network',
    'home/lost+found',
    'tmp/deep',
    'var/tmp/x',
    'var/run',
    'srv/bar/inner',
  ]) {
    mkdirSync(join(simple, name), { recursive: true });
  }
  for (const name of [
    ...[
      'etc/hosts',
      'etc/network/interfaces',
      'home/a.txt',
      'home/lost+found/b',
      'tmp/deep/x',
      'var/tmp/x/y',
    ],
    ...['var/run/a.pid', 'var/run/.pid', 'srv/bar/inner/file', 'srv/barn'],
  ]) {
    writeFileSync(join(simple, name), `content of ${name}\n`);
  }
  await runCliWell(['pack', archive, '--root', simple, '--config', config, '--firewall', firewall]);
});
afterAll(() => files.remove());

describe('the configuration', () => {
  testWith(['tar'], 'is first, where pct restore looks for it', async () => {
    const names = runFed('tar', ['-tf', archive]).toString().split('\n');
    expect(names.slice(0, 3)).toEqual(['./etc/vzdump/pct.conf', './etc/vzdump/pct.fw', './']);
    const extracted = runFed('tar', ['-xpOf', archive, './etc/vzdump/pct.conf', '--occurrence']);
    expect(extracted.toString()).toBe(CONFIG);
    const modes = runFed('tar', ['-tvf', archive, '--numeric-owner']).toString().split('\n').slice(0, 2);
    for (const line of modes) expect(line).toMatch(/^-rw-r--r-- 0\/0 /);
  });

  test('is printed by config, out of a file and a pipe', async () => {
    expect((await runCliWell(['config', archive])).toString()).toBe(CONFIG);
    expect((await runCliWell(['config', archive, '--name', 'pct.fw'])).toString()).toBe(FIREWALL);
    expect((await runCliWell(['config', '-'], { stdin: readFileSync(archive) })).toString()).toBe(CONFIG);
  });

  test('may be missing, which is said', async () => {
    const stdin = await runCliWell(['pack', '-', '--format', 'tar', '--root', simple]);
    const result = await runCli(['config', '-', '--json'], { stdin });
    expect(result.status).toBe(1);
    expect(errorDocument(result)).toMatchObject({
      code: 'CONFIG_NOT_FOUND',
      hint: 'list shows what there is',
    });
  });
});

describe('cat', () => {
  test.each(['etc/hosts', './etc/hosts', '/etc/hosts'])('%s', async (name) => {
    expect((await runCliWell(['cat', archive, name])).toString()).toBe('content of etc/hosts\n');
    const stdin = readFileSync(archive);
    expect((await runCliWell(['cat', '-', name], { stdin })).toString()).toBe('content of etc/hosts\n');
  });

  test.each([
    ['etc', /etc (is no file|has no content)/],
    ['nothing', /there is no (member )?nothing/],
  ])('of %s is an error, in one line', async (name, message) => {
    for (const input of [archive, '-']) {
      const { status, stderr, stdout } = await runCli(['cat', input, name], { stdin: readFileSync(archive) });
      expect([status, stdout.length]).toEqual([1, 0]);
      expect(linesOf(stderr)[0]).toMatch(message);
      expect(linesOf(stderr).slice(1)).toEqual(['hint: list shows what there is']);
    }
  });

  testWithTrees('of a hardlink and of a file with holes', async () => {
    const root = await scratch();
    await makeTree(root);
    const path = join(await scratch(), 'ct.tar');
    writeFileSync(path, packLikeVzdump(root));
    expect((await runCliWell(['cat', path, 'home/hosts-too'])).toString()).toBe('127.0.0.1 localhost\n');
    const wide = await runCliWell(['cat', path, 'srv/wide']);
    expect(digest(wide)).toBe(digest(readFileSync(join(root, 'srv/wide'))));
  });
});

test('verify --json is the documented document', async () => {
  expect(await runCliForJson(['verify', archive])).toEqual({
    archives: [
      {
        ...{ path: archive, ok: true, format: 'tar', codec: 'none' },
        ...{ bytes: statSync(archive).size, errors: [], warnings: [] },
      },
    ],
  });
});

testWithTrees('list --json is the documented document', async () => {
  const root = await scratch();
  await makeTree(root);
  const stdin = packLikeVzdump(root);
  const { entries, ...head } = (await runCliForJson(['list', '-'], { stdin })) as {
    entries: readonly { readonly path: string }[];
  };
  expect(head).toEqual({ format: 'tar', codec: 'none' });
  const entry = (path: string) => entries.find((found) => found.path === path);
  const binary = { 'user.binary': Buffer.from('00ff0a3d00fe', 'hex').toString('base64') };
  expect(entry('./etc/hosts')).toEqual({
    ...{ path: './etc/hosts', type: 'file', mode: '0644', uid: 0, gid: 0, size: 20 },
    ...{ mtime: '10413792000.000000001', xattrs: binary },
  });
  expect(entry('./home/hosts-too')).toMatchObject({
    type: 'hardlink',
    linkTarget: expect.stringContaining('etc/hosts'),
  });
  expect(entry('./etc/dangling')).toEqual({
    ...{ path: './etc/dangling', type: 'symlink', mode: '0777', uid: 1000, gid: 1001, size: 0 },
    ...{ mtime: '978307200.250000000', linkTarget: '/nowhere/at/all' },
  });
  expect(entry('./srv/disk')).toMatchObject({ type: 'block', device: [8, 17], size: 0 });
  expect(entry('./srv/fifo')).toMatchObject({ type: 'fifo' });
  expect(entry('./tmp/')).toMatchObject({ type: 'directory', mode: '01777' });
  expect(entry('./etc/empty')).toMatchObject({ mtime: '-1214743666.876543211', gid: 3000000000 });
  expect(entry('./srv/wide')).toMatchObject({ size: 64 * 1024 * 1024 });
  expect(entry('./bin/ping')).toMatchObject({ capabilities: expect.any(String) });
});

describe('what is left out', () => {
  const excludes = ['/srv/bar', '*.txt', '/home/lost+found/'];

  test('when packing, as tar with the patterns of vzdump leaves it out', async () => {
    const patterns = ['--no-anchored', '--exclude=*.txt', '--anchored'];
    const standard = ['--exclude=./tmp/?*', '--exclude=./var/tmp/?*', '--exclude=./var/run/?*.pid'];
    const theirs = packLikeVzdump(simple, { excludes: [...patterns, '--exclude=./srv/bar', ...standard] });
    const options = ['--exclude-path', '/srv/bar', '--exclude-path', '*.txt', '--stdexcludes'];
    const ours = await runCliWell(['pack', '-', '--format', 'tar', '--root', simple, ...options]);
    expect(namesIn(ours)).toEqual(namesIn(theirs));
    expect(namesIn(ours)).toContain('./var/run/.pid');
    expect(namesIn(ours)).toContain('./home/lost+found/');
    expect(namesIn(ours)).not.toContain('./var/run/a.pid');
  });

  test.each([['tar'], ['tar', '--stdexcludes'], ['pxar']])(
    'lost+found, of an unprivileged container: %s %s',
    async (format, ...options) => {
      const args = ['pack', '-', '--format', format!, '--root', simple, '--idmap', 'b:0:0:65536', ...options];
      const { entries } = (await runCliForJson(['list', '-'], { stdin: await runCliWell(args) })) as {
        entries: readonly { readonly path: string }[];
      };
      const paths = entries.map(({ path }) => path);
      expect(paths).toContain('./home/');
      expect(paths.filter((path) => path.includes('lost+found'))).toEqual([]);
    },
  );

  test('a slash behind a pattern makes it match nothing, which is a warning', async () => {
    const options = excludes.flatMap((pattern) => ['--exclude-path', pattern]);
    const result = await runCli(['pack', '-', '--format', 'tar', '--root', simple, ...options]);
    expect(result.stderr).toMatch(/home\/lost\+found\/ matches nothing\nhint: leave the slash/);
    expect(result.status).toBe(3);
    expect(namesIn(result.stdout)).toContain('./home/lost+found/b');
  });

  test('when unpacking', async () => {
    const to = join(await scratch(), 'to');
    await runCliWell([
      'unpack',
      archive,
      '--to',
      to,
      '--exclude-path',
      '/srv/bar',
      '--exclude-path',
      '*.txt',
    ]);
    expect(readdirSync(join(to, 'srv'))).toEqual(['barn']);
    expect(readdirSync(join(to, 'home'))).toEqual(['lost+found']);
  });
});

describe('unpack', () => {
  test('only what is chosen, and the directories above', async () => {
    const to = join(await scratch(), 'to');
    await runCliWell(['unpack', archive, '--to', to, 'etc/network', './home/*.txt', '/srv/barn']);
    const found = readdirSync(to, { recursive: true, encoding: 'utf8' }).sort();
    expect(found).toEqual(
      ['etc', 'etc/network', 'etc/network/interfaces', 'home', 'home/a.txt', 'srv', 'srv/barn'].sort(),
    );
  });

  test('what is not there cannot be chosen', async () => {
    const to = join(await scratch(), 'to');
    const { status, stderr } = await runCli(['unpack', archive, '--to', to, 'etc/hosts', 'nothing']);
    expect(stderr).toMatch(/nothing in the archive matches nothing\nhint: list shows what there is\n/);
    expect(status).toBe(1);
  });

  test('refuses what exists, leaves it, or replaces it', async () => {
    const to = await scratch();
    mkdirSync(join(to, 'etc'));
    const hosts = join(to, 'etc/hosts');
    writeFileSync(hosts, 'mine');
    const refused = await runCli(['unpack', archive, '--to', to, 'etc/hosts']);
    expect(linesOf(refused.stderr)).toEqual([
      expect.stringMatching(/^vzdump-format: .*etc\/hosts/),
      expect.stringMatching(/^hint: .*--force/),
    ]);
    expect([refused.status, readFileSync(hosts, 'utf8')]).toEqual([1, 'mine']);
    await runCliWell(['unpack', archive, '--to', to, 'etc', '--skip-old-files']);
    expect(readFileSync(hosts, 'utf8')).toBe('mine');
    expect(existsSync(join(to, 'etc/network/interfaces'))).toBe(true);
    await runCliWell(['unpack', archive, '--to', to, 'etc', '--force']);
    expect(readFileSync(hosts, 'utf8')).toBe('content of etc/hosts\n');
    const both = await runCli(['unpack', archive, '--to', to, '--force', '--skip-old-files']);
    expect(both.status).toBe(2);
  });

  testWithTrees('with the ids of an unprivileged container, there and back', async () => {
    const directory = await scratch();
    const map = ['--idmap', 'u:0:100000:65536', '--idmap', 'g:0:200000:65536'];
    await runCliWell(['unpack', archive, '--to', join(directory, 'mapped'), ...map]);
    const { uid, gid } = lstatSync(join(directory, 'mapped/etc/hosts'));
    expect([uid, gid]).toEqual([100000, 200000]);
    const stdin = await runCliWell([
      'pack',
      '-',
      '--format',
      'tar',
      '--root',
      join(directory, 'mapped'),
      ...map,
    ]);
    restoreLikePct(stdin, join(directory, 'back'));
    const {
      'etc/vzdump': _,
      'etc/vzdump/pct.conf': __,
      'etc/vzdump/pct.fw': ___,
      etc: ____,
      home: _____,
      ...back
    } = stateOf(join(directory, 'back'));
    expect(back).toEqual(stateOf(simple, /^(etc|home|home\/lost\+found.*)$/));
  });
});

function namesIn(tar: Uint8Array): string[] {
  return runFed('tar', ['-tf', '-'], tar).toString().split('\n').sort();
}

function digest(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
