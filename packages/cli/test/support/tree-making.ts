import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  ftruncateSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { openDirectory } from '@vzdump-format/posix';
import { keptScratch, runTool, testWith } from '@vzdump-format/testing';
import { afterAll, beforeAll } from 'vitest';

/** What making and comparing trees takes. */
const TREE_TOOLS = ['tar', 'find', 'getfattr', 'getfacl', 'setfattr', 'setfacl', 'setcap', 'touch'];

/** A test of what only root can make, with the tools for it and those that are named. */
export function testWithTrees(name: string, body: () => Promise<void>, tools: readonly string[] = []): void {
  testWith(['root', ...TREE_TOOLS, ...tools], name, body);
}

/** What `pct restore` and `unpack` leave out unless asked. */
export const DEVICES = /^dev\/./;

/**
 * Makes a tree that the tests of a file share, where they run as root, in a directory that is theirs.
 * @param onMade told of the tree, and of its state without devices
 */
export function useKeptTree(onMade: (made: { root: string; packed: TreeState }) => void): void {
  const files = keptScratch();
  beforeAll(async () => {
    await files.make();
    if (process.getuid?.() !== 0) return;
    const root = files.path('root');
    mkdirSync(root);
    await makeTree(root);
    onMade({ root, packed: stateOf(root, DEVICES) });
  });
  afterAll(() => files.remove());
}

const WIDE = 64 * 1024 * 1024;

/** Makes a tree with one of everything that a container's root file system can have. Only root can. */
export async function makeTree(root: string): Promise<void> {
  const at = (name: string) => join(root, name);
  for (const name of [
    'bin',
    'dev',
    'etc/default',
    'home/user',
    'srv',
    'tmp',
    'var/run',
    'lost+found',
    'empty',
  ]) {
    mkdirSync(at(name), { recursive: true });
  }
  writeFileSync(at('etc/hosts'), '127.0.0.1 localhost\n');
  writeFileSync(at('etc/empty'), '');
  writeFileSync(at('etc/large'), Buffer.alloc(3 * 1024 * 1024 + 7, 'large '));
  linkSync(at('etc/hosts'), at('home/hosts-too'));
  symlinkSync('../hosts', at('etc/default/link'));
  symlinkSync('/nowhere/at/all', at('etc/dangling'));
  makeWide(at('srv/wide'));
  await makeNodes(at);
  await giveAttributes(at);
  makeOddNames(at, root);
  await giveTimes(at);
}

/** A file of holes with little data in it, at the beginning, in the middle and at the end. */
function makeWide(path: string): void {
  const file = openSync(path, 'w');
  for (const offset of [0, WIDE / 2 + 4096, WIDE - 100]) writeSync(file, 'data', offset);
  ftruncateSync(file, WIDE);
  closeSync(file);
}

async function makeNodes(at: (name: string) => string): Promise<void> {
  await runTool('mknod', at('srv/disk'), 'b', '8', '17');
  await runTool('mknod', at('srv/tty'), 'c', '136', '300');
  await runTool('mknod', at('dev/null'), 'c', '1', '3');
  await runTool('mkfifo', at('srv/fifo'));
}

async function giveAttributes(at: (name: string) => string): Promise<void> {
  writeFileSync(at('bin/ping'), 'ping');
  writeFileSync(at('bin/su'), 'su');
  await runTool('chown', '-h', '1000:1001', at('home/user'), at('etc/dangling'), at('bin/su'));
  await runTool('chown', '65533:3000000000', at('etc/empty'));
  await runTool('setcap', 'cap_net_raw+ep', at('bin/ping'));
  chmodSync(at('bin/su'), 0o6755);
  chmodSync(at('tmp'), 0o1777);
  chmodSync(at('etc/default'), 0o500);
  await runTool('setfattr', '-n', 'user.binary', '-v', '0x00ff0a3d00fe', at('etc/hosts'));
  await runTool('setfattr', '-n', 'user.empty', at('home/user'));
  await runTool('setfattr', '-n', 'user.long', '-v', 'x'.repeat(1000), at('etc/large'));
  await runTool('setfacl', '-m', 'u:12345:rw,g:23456:r', at('etc/large'));
  await runTool('setfacl', '-d', '-m', 'u:12345:rwx', at('home/user'));
}

function makeOddNames(at: (name: string) => string, root: string): void {
  const inHome = (name: Buffer) => Buffer.concat([Buffer.from(`${root}/home/`), name]);
  for (const name of [
    'new\nline',
    'tab\tand\\backslash',
    ' space ',
    'quo\'te"',
    '-dash',
    'ä€\u{1f480}',
    '*?[a]',
  ]) {
    writeFileSync(at(`home/${name}`), name);
  }
  writeFileSync(inHome(Buffer.of(0xff, 0x66, 0xc3)), 'not UTF-8');
  writeFileSync(at(`home/${'n'.repeat(255)}`), 'long');
  const deep = at(Array.from({ length: 30 }, (_, level) => `directory-at-level-${level}`).join('/'));
  mkdirSync(deep, { recursive: true });
  writeFileSync(join(deep, 'file'), 'deep');
}

async function giveTimes(at: (name: string) => string): Promise<void> {
  await runTool('touch', '-d', '1931-07-05T11:12:13.123456789Z', at('etc/empty'));
  await runTool('touch', '-d', '1969-12-31T23:59:59.5Z', at('bin/su'));
  await runTool('touch', '-d', '2300-01-01T00:00:00.000000001Z', at('etc/hosts'));
  await runTool('touch', '-h', '-d', '2001-01-01T00:00:00.25Z', at('etc/dangling'));
  await runTool('touch', '-d', '1999-12-31T23:59:59.999999999Z', at('etc/default'), at('empty'), at('srv'));
}

/**
 * Makes directories in each other, however long the path becomes. @param owner whose they become, user and
 * group
 */
export function makeNestedDirectories(root: string, names: readonly string[], owner: number): void {
  let at = openDirectory(root);
  for (const name of names) {
    at.makeDirectory(name, 0o755);
    at.setOwner(name, owner, owner);
    const below = at.openDirectory(name);
    at.close();
    at = below;
  }
  at.close();
}

/** Paths as latin1, so that any bytes have a place in them. */
export type TreeState = Readonly<Record<string, string>>;

/**
 * All that the system's tools say of what is below a directory: type, mode, owner, time, number of names,
 * link, device, digest of the content, whether it has holes, attributes and ACLs. What `leftOut` matches is
 * not told of, nor is the directory itself.
 */
export function stateOf(directory: string, leftOut: RegExp = /^$/): TreeState {
  const found = latin1('find', [directory, '-printf', '%P\\0%y %#m %U:%G %T@ %n %l\\0']).split('\0');
  const tree: Record<string, string> = {};
  for (let index = 0; index + 1 < found.length; index += 2) {
    const path = found[index]!;
    tree[path] =
      `${found[index + 1]} ${contentOf(Buffer.from(`${utf8AsLatin1(directory)}/${path}`, 'latin1'))}`;
  }
  const attributes = ['-R', '-P', '-h', '-d', '-m', '^(user|security.capability)', '-e', 'hex', '.'];
  for (const [tool, args] of [
    ['getfattr', attributes],
    ['getfacl', ['-R', '-P', '-n', '-s', '.']],
  ] as const) {
    for (const [path, said] of paragraphs(latin1('env', ['-C', directory, tool, ...args]))) {
      tree[path] += ` ${said}`;
    }
  }
  return Object.fromEntries(Object.entries(tree).filter(([path]) => path !== '' && !leftOut.test(path)));
}

/**
 * The attribute tools print a paragraph a file: a line `# file: PATH`, with octal escapes, and what there is
 * to say.
 */
function* paragraphs(shown: string): Generator<[path: string, said: string]> {
  for (const paragraph of shown.split('\n\n').filter((text) => text.startsWith('# file: '))) {
    const [first, ...lines] = paragraph.split('\n');
    const path = first!
      .slice('# file: '.length)
      .replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
    const said = lines.filter((line) => !line.startsWith('# ')).sort();
    yield [path === '.' ? '' : path, said.join(' ')];
  }
}

function contentOf(path: Buffer): string {
  const stat = lstatSync(path);
  if (stat.isBlockDevice() || stat.isCharacterDevice()) return `device ${stat.rdev}`;
  if (!stat.isFile()) return '';
  const hash = createHash('sha256').update(readFileSync(path)).digest('hex');
  return stat.blocks * 512 < stat.size / 2 ? `holes ${hash}` : hash;
}

function latin1(tool: string, args: readonly string[]): string {
  return runFed(tool, args).toString('latin1');
}

/**
 * Runs a program, with `input` on its standard input. @returns what it prints @throws Error with its
 * complaints
 */
export function runFed(
  tool: string,
  args: readonly string[],
  input: Uint8Array | string = '',
  accepted: readonly number[] = [0],
): Buffer {
  const env = { ...process.env, LC_ALL: 'C.UTF-8' };
  const { status, stdout, stderr, error } = spawnSync(tool, args, { input, maxBuffer: 2 ** 30, env });
  if (error !== undefined) throw error;
  if (status !== null && accepted.includes(status)) return stdout;
  throw new Error(`${tool} ${args.join(' ')}: status ${status}: ${stderr.toString()}`);
}

function utf8AsLatin1(text: string): string {
  return Buffer.from(text).toString('latin1');
}

const COMMON_TAR_FLAGS = [
  ...['--one-file-system', '-p', '--sparse', '--numeric-owner', '--acls', '--xattrs'],
  ...['--xattrs-include=user.*', '--xattrs-include=security.capability'],
  ...['--warning=no-file-ignored', '--warning=no-xattr-write'],
];

/** The command of `pct restore`. @param codecFlag what it gives for the codec: `--zstd` */
export function restoreLikePct(
  archive: Uint8Array,
  directory: string,
  codecFlag: readonly string[] = [],
): void {
  mkdirSync(directory);
  const rest = ['-C', directory, '--skip-old-files', '--anchored', '--exclude', './dev/*'];
  runFed('tar', ['xpf', '-', ...codecFlag, '--totals', ...COMMON_TAR_FLAGS, ...rest], archive);
}

/**
 * The command of vzdump, for a container with a configuration. @param configs a directory with
 * `etc/vzdump/pct.conf` and `pct.fw`
 */
export function packLikeVzdump(
  root: string,
  { configs, excludes = [] }: { configs?: string; excludes?: readonly string[] } = {},
): Buffer {
  const first =
    configs === undefined ? [] : [`--directory=${configs}`, './etc/vzdump/pct.conf', './etc/vzdump/pct.fw'];
  const more = ['--one-file-system', '--warning=no-file-ignored', ...first, `--directory=${root}`];
  return runFed('tar', ['cpf', '-', '--totals', ...COMMON_TAR_FLAGS, ...more, ...excludes, './']);
}
