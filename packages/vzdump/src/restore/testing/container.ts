import {
  chmodSync,
  chownSync,
  closeSync,
  ftruncateSync,
  lchownSync,
  linkSync,
  lutimesSync,
  mkdirSync,
  openSync,
  readdirSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { walk, wholeContent } from '@vzdump-format/file-tree';
import { pathToBytes } from '@vzdump-format/posix';
import { runTool, scratch } from '@vzdump-format/testing';

/** What vzdump gives tar, and `pct restore` too. */
const COMMON_FLAGS = [
  '--one-file-system',
  '-p',
  '--sparse',
  '--numeric-owner',
  '--acls',
  '--xattrs',
  '--xattrs-include=user.*',
  '--xattrs-include=security.capability',
  '--warning=no-file-ignored',
  '--warning=no-xattr-write',
];

const NOON = new Date('2026-01-01T12:00:00.123Z');
export const NOT_UTF8 = 'odd-\udcff-name';

/** A container's root, as it is in the archive: ids are the container's own. */
export interface ContainerTree {
  readonly root: string;
  /** What is mounted at srv/data. */
  readonly data: string;
}

/** Makes one of everything that an archive can hold. @param devices also a device file outside of /dev */
export async function makeContainerTree(directory: string, { devices = true } = {}): Promise<ContainerTree> {
  const root = join(directory, 'tree');
  const data = join(directory, 'data');
  const at = (path: string | Buffer) =>
    typeof path === 'string' ? join(root, path) : Buffer.concat([Buffer.from(`${root}/`), path]);
  for (const path of ['etc', 'dev', 'home/app', 'opt/empty', 'srv/data', 'tmp', 'usr/bin', 'var/lib']) {
    mkdirSync(at(path), { recursive: true });
  }
  mkdirSync(data);
  const file = (path: string | Buffer, content = 'content\n', mode = 0o644, uid = 0, gid = 0) => {
    writeFileSync(at(path), content);
    chownSync(at(path), uid, gid);
    chmodSync(at(path), mode);
  };
  file('etc/hostname', 'db\n');
  file('etc/shadow', 'root:*:20000:0:99999:7:::\n', 0o640, 0, 42);
  file('home/app/Grüße.txt', 'Grüße\n', 0o600, 1000, 1000);
  file('usr/bin/tool', '#!/bin/sh\n', 0o4755);
  file('usr/bin/ping', 'ping', 0o755);
  file('usr/bin/group', 'group', 0o2755, 0, 43);
  file(`opt/${'long'.repeat(40)}`, 'x'.repeat(300_000));
  file(Buffer.concat([Buffer.from('opt/'), pathToBytes(NOT_UTF8)]));
  file('opt/with-attributes');
  file('opt/with-acl', 'acl', 0o640);
  linkSync(at('usr/bin/tool'), at('usr/bin/tool-again'));
  symlinkSync('tool', at('usr/bin/tool-link'));
  symlinkSync('/nowhere', at('opt/dangling'));
  lchownSync(at('opt/dangling'), 1000, 1001);
  linkSync(at('opt/dangling'), at('opt/dangling-again'));
  const sparse = openSync(at('home/app/sparse'), 'w');
  writeSync(sparse, Buffer.alloc(4096, 'data'), 0, 4096, 1 << 19);
  ftruncateSync(sparse, 1 << 20);
  closeSync(sparse);
  await runTool('setfattr', '-n', 'user.binary', '-v', '0x00ff0a3d', join(root, 'opt/with-attributes'));
  await runTool('setcap', 'cap_net_raw+ep', join(root, 'usr/bin/ping'));
  await runTool('setfacl', '-m', 'u:1234:rw,u:daemon:r,g:4321:r', join(root, 'opt/with-acl'));
  await runTool('setfacl', '-d', '-m', 'u:1234:rwx', join(root, 'opt/empty'));
  await runTool('mkfifo', join(root, 'var/lib/pipe'));
  await runTool('mknod', join(root, 'dev/null'), 'c', '1', '3');
  if (devices) await runTool('mknod', join(root, 'var/lib/loop'), 'b', '7', '0');
  chmodSync(at('tmp'), 0o1777);
  chmodSync(at('etc'), 0o751);
  chownSync(at('home/app'), 1000, 1000);
  mkdirSync(join(data, 'orders'));
  writeFileSync(join(data, 'orders/1.json'), '{"order":1}\n');
  for (const path of ['orders/1.json', 'orders', '.']) chownSync(join(data, path), 1000, 1000);
  chmodSync(data, 0o2770);
  for (const each of [root, data]) setTimes(each);
  chmodSync(root, 0o711);
  return { root, data };
}

/** What is in a directory, from the innermost on, and itself. */
function setTimes(directory: string): void {
  for (const entry of readdirSync(Buffer.from(directory), { withFileTypes: true, encoding: 'buffer' })) {
    const path = Buffer.concat([Buffer.from(`${directory}/`), entry.name]);
    if (entry.isDirectory()) setTimes(path.toString());
    else lutimesSync(path, NOON, NOON);
  }
  utimesSync(directory, NOON, NOON);
}

export interface TarOptions {
  /** Whether srv/data is mounted, and part of the backup. */
  readonly withData?: boolean;
  readonly firewall?: string;
  /** Of tar: `--zstd`. */
  readonly codec?: string;
}

/** Makes an archive with GNU tar as vzdump does. @param config `pct.conf` */
export async function tarContainer(
  { root, data }: ContainerTree,
  archive: string,
  config: string,
  { withData = false, firewall = '', codec }: TarOptions = {},
): Promise<void> {
  const own = join(root, '../vzdumptmp');
  mkdirSync(join(own, 'etc/vzdump'), { recursive: true });
  writeFileSync(join(own, 'etc/vzdump/pct.conf'), config);
  writeFileSync(join(own, 'etc/vzdump/pct.fw'), firewall);
  const mountPoint = join(root, 'srv/data');
  if (withData) {
    await runTool('mount', '-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', mountPoint);
    await runTool('cp', '-a', `${data}/.`, mountPoint);
  }
  try {
    await runTool(
      'tar',
      ...['cpf', archive, ...(codec === undefined ? [] : [codec]), '--totals', ...COMMON_FLAGS],
      ...[`--directory=${own}`, './etc/vzdump/pct.conf', './etc/vzdump/pct.fw'],
      ...[`--directory=${root}`, '--no-anchored', '--anchored', '--exclude=./tmp/?*'],
      ...['./', ...(withData ? ['./srv/data'] : [])],
    );
  } finally {
    if (withData) await runTool('umount', mountPoint);
  }
}

/**
 * Restores an archive with GNU tar as `pct restore` does, but for vzdump's own files, which change what
 * becomes of /etc.
 * @param before the command that runs it
 */
export async function untarContainer(
  archive: string,
  directory: string,
  before: readonly string[] = [],
): Promise<void> {
  mkdirSync(directory, { recursive: true });
  const flags = ['--totals', ...COMMON_FLAGS, '-C', directory, '--skip-old-files', '--anchored'];
  const [program, ...args] = [
    ...before,
    ...['tar', 'xpf', archive, ...flags, '--exclude', './dev/*', '--exclude', './etc/vzdump'],
  ];
  await runTool(program!, ...args);
}

export interface DescribedEntry {
  readonly path: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtime: bigint;
}

/**
 * Everything in a tree, in the order of names, so that two trees can be compared. The root has an empty path.
 */
export async function describeTree(root: string): Promise<readonly DescribedEntry[]> {
  const found: DescribedEntry[] = [];
  for await (const { content: _, links, ...entry } of contentsOf(root)) {
    const isOfFileSystem = entry.path === 'lost+found';
    if (!isOfFileSystem) found.push({ ...entry, ...(entry.type === 'directory' ? {} : { links }) });
  }
  return found.sort((one, other) => (one.path < other.path ? -1 : 1));
}

async function* contentsOf(root: string) {
  for await (const entry of walk(root, { xattrs: () => true })) {
    const bytes: Buffer[] = [];
    if (entry.type === 'file') {
      for await (const chunk of wholeContent(entry)) bytes.push(Buffer.from(chunk));
    }
    yield { ...entry, bytes: Buffer.concat(bytes).toString('latin1') };
  }
}

/** A small archive of plain files. */
export async function archiveFiles(config: string | undefined, ...args: readonly string[]): Promise<string> {
  const directory = await scratch();
  await mkdir(join(directory, 'etc/vzdump'), { recursive: true });
  await writeFile(join(directory, 'etc/hostname'), 'db\n');
  await writeFile(join(directory, 'big'), Buffer.alloc(3 << 20, 'content'));
  if (config !== undefined) await writeFile(join(directory, 'etc/vzdump/pct.conf'), config);
  const archive = join(directory, 'small.tar');
  const names = ['./etc/hostname', './big', ...(config === undefined ? [] : ['./etc/vzdump/pct.conf'])];
  await runTool('tar', 'cf', archive, '-C', directory, ...args, ...names);
  return archive;
}
