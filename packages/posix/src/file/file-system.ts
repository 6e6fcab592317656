import { closeSync, constants, openSync, readFileSync, realpathSync, statfsSync } from 'node:fs';
import { bytesToPath, nodePath, pathToBytes } from '../path-text.js';

/** What a file is on. */
export interface FileSystem {
  /** `f_type` of statfs(2). */
  readonly magic: number;
  /** As mount(8) calls it (`ext` for all three of them); `undefined` for one that is not known here. */
  readonly name: string | undefined;
  /** Whether the kernel makes up what is in it, so that there is nothing to keep: proc, sysfs, cgroups, … */
  readonly virtual: boolean;
}

// <linux/magic.h>, and for what is not there the kernel's own sources: configfs, fusectl, mqueue, nfsd,
// rpc_pipefs, ZFS

const WITH_FILES: ReadonlyMap<number, string> = new Map([
  [0x0187, 'autofs'],
  [0x4d44, 'vfat'],
  [0x517b, 'smb'],
  [0x6969, 'nfs'],
  [0x9660, 'iso9660'],
  [0xef53, 'ext'],
  [0xf15f, 'ecryptfs'],
  [0x00c3_6400, 'ceph'],
  [0x0102_1994, 'tmpfs'],
  [0x0102_1997, '9p'],
  [0x1501_3346, 'udf'],
  [0x2011_bab0, 'exfat'],
  [0x2fc1_2fc1, 'zfs'],
  [0x5265_4973, 'reiserfs'],
  [0x5846_5342, 'xfs'],
  [0x6573_5546, 'fuse'],
  [0x7371_7368, 'squashfs'],
  [0x794c_7630, 'overlay'],
  [0x8584_58f6, 'ramfs'],
  [0x9123_683e, 'btrfs'],
  [0xe0f5_e1e2, 'erofs'],
  [0xf2f5_2010, 'f2fs'],
  [0xfe53_4d42, 'smb2'],
  [0xff53_4d42, 'cifs'],
]);

const VIRTUAL: ReadonlyMap<number, string> = new Map([
  [0x1cd1, 'devpts'],
  [0x9fa0, 'proc'],
  [0x0027_e0eb, 'cgroup'],
  [0x1980_0202, 'mqueue'],
  [0x4249_4e4d, 'binfmt_misc'],
  [0x4341_5d53, 'smackfs'],
  [0x5a3c_69f0, 'apparmorfs'],
  [0x6165_676c, 'pstore'],
  [0x6265_6570, 'configfs'],
  [0x6265_6572, 'sysfs'],
  [0x6367_7270, 'cgroup2'],
  [0x6462_6720, 'debugfs'],
  [0x6573_5543, 'fusectl'],
  [0x6759_6969, 'rpc_pipefs'],
  [0x6e66_7364, 'nfsd'],
  [0x6e73_6673, 'nsfs'],
  [0x7363_6673, 'securityfs'],
  [0x7472_6163, 'tracefs'],
  [0x9584_58f6, 'hugetlbfs'],
  [0xcafe_4a11, 'bpf'],
  [0xde5e_81e4, 'efivarfs'],
  [0xf97c_ff8c, 'selinuxfs'],
]);

/**
 * What a path (links are followed), or an open file, is on. Known on Linux alone: elsewhere the numbers are
 * others.
 * @throws a Node-style error
 */
export function fileSystem(of: string | number): FileSystem {
  const path = typeof of === 'number' ? `/proc/self/fd/${of}` : of;
  const magic = statfsSync(nodePath(path)).type;
  if (process.platform !== 'linux') return { magic, name: undefined, virtual: false };
  const virtualName = VIRTUAL.get(magic);
  return { magic, name: virtualName ?? WITH_FILES.get(magic), virtual: virtualName !== undefined };
}

/** What a directory is on. */
export interface Mount {
  /** Where it is mounted: an absolute path without symbolic links. */
  readonly path: string;
  /** As `df -T` prints it: `ext4`, `nfs4`. */
  readonly type: string;
}

/**
 * The mount that a directory is on, as the kernel says it of an open file (proc(5): `fdinfo` and
 * `mountinfo`). To open it makes an automounter mount it.
 * @throws the system's error; Error when the kernel does not tell
 */
export function mountOf(directory: string): Mount {
  const opened = openSync(pathToBytes(directory), constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    const id = /^mnt_id:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${opened}`, 'utf8'))?.[1];
    const mounts = bytesToPath(readFileSync('/proc/self/mountinfo')).split('\n');
    const fields = mounts.find((line) => line.startsWith(`${id} `))?.split(' ') ?? [];
    const [path, type] = [fields[4], fields[fields.indexOf('-') + 1]];
    if (path === undefined || type === undefined) {
      throw new Error(`the kernel does not tell what file system ${directory} is on`);
    }
    return { path: unescaped(path), type };
  } finally {
    closeSync(opened);
  }
}

/** Whether something is mounted at a directory; symbolic links are followed. @throws the system's error */
export function isMountPoint(directory: string): boolean {
  try {
    return mountOf(directory).path === bytesToPath(realpathSync(pathToBytes(directory), 'buffer'));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return false;
    throw error;
  }
}

/** Blanks, line feeds and backslashes stand there in octal: `\040`. */
function unescaped(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_match, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}
