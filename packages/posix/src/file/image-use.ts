import { closeSync, constants, existsSync, openSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { ArchiveError } from '@vzdump-format/streams';
import { nativeCalls } from '../native/native-calls.js';
import { bytesToPath, pathToBytes } from '../path-text.js';

const { O_NOCTTY, O_NONBLOCK, O_RDONLY } = constants;
const BLOCK_DEVICES = '/sys/block';

// <fcntl.h>
const F_OFD_GETLK = 36;
const F_WRLCK = 1;
const F_UNLCK = 2;

/**
 * What QEMU locks of an image: a byte for each thing that it does, from 100 on, and for each that it lets
 * nobody else do, from 200 on (block/file-posix.c). The first of them is to read; the next ones are to write,
 * in whatever way.
 */
const DOES = { start: 100, length: 100 } as const;
const WRITES = { start: 101, length: 99 } as const;
const REFUSES = { start: 200, length: 100 } as const;

/** What somebody does with a disk image. */
type ImageUse =
  /** QEMU, or one of its tools, may write to it: a virtual machine runs. */
  | 'written'
  /** QEMU, or one of its tools, reads it; as what other images stand upon, too. */
  | 'read'
  /** A loop device stands on it. */
  | 'attached';

const WORDS: Readonly<Record<ImageUse, string>> = {
  written: 'QEMU, or one of its tools, writes to it',
  read: 'QEMU, or one of its tools, reads it',
  attached: 'a loop device stands on it',
};

/**
 * What others do with an image, as QEMU's locks on it say. `undefined` also for what is not there, and
 * without native calls, as locks cannot be looked at then.
 */
export function imageLocks(path: string): 'written' | 'read' | undefined {
  return withOpen(path, (fd) => {
    if (isLocked(fd, WRITES)) return 'written';
    return isLocked(fd, DOES) || isLocked(fd, REFUSES) ? 'read' : undefined;
  });
}

/**
 * As `imageLocks`, and whether a loop device stands on it. Block devices in use are found by opening them
 * with O_EXCL.
 */
function imageUse(path: string): ImageUse | undefined {
  return imageLocks(path) ?? (loopFiles().has(realPath(path)) ? 'attached' : undefined);
}

/** Makes sure that an image can be replaced, or removed. @throws `IMAGE_IN_USE` */
export function requireUnusedImage(path: string): void {
  const use = imageUse(path);
  if (use === undefined) return;
  throw new ArchiveError('IMAGE_IN_USE', `${path} is in use: ${WORDS[use]}`, {
    entry: path,
    hint: 'end what uses it, or choose another target',
  });
}

/** Whether somebody else has a lock in a range: asking for an exclusive one finds locks of every kind. */
function isLocked(fd: number, range: { readonly start: number; readonly length: number }): boolean {
  const calls = nativeCalls();
  if (calls === null) return false;
  // struct flock of 64-bit systems: i16 type, i16 whence, i64 start, i64 length, i32 process
  const lock = new BigInt64Array([0n, BigInt(range.start), BigInt(range.length), 0n]);
  const type = new Int16Array(lock.buffer, 0, 1);
  type[0] = F_WRLCK;
  return calls.fcntl(fd, F_OFD_GETLK, 'void *', lock) >= 0 && type[0] !== F_UNLCK;
}

/** What loop devices stand upon. */
function loopFiles(): ReadonlySet<string> {
  const names = existsSync(BLOCK_DEVICES) ? readdirSync(BLOCK_DEVICES) : [];
  const files = names
    .filter((name) => name.startsWith('loop'))
    .map((name) => join(BLOCK_DEVICES, name, 'loop/backing_file'));
  return new Set(files.filter(existsSync).map((file) => bytesToPath(readFileSync(file)).replace(/\n$/, '')));
}

function realPath(path: string): string {
  try {
    return bytesToPath(realpathSync(pathToBytes(path), 'buffer'));
  } catch {
    return path;
  }
}

/** `undefined` for what cannot be opened. */
function withOpen<Result>(path: string, use: (fd: number) => Result): Result | undefined {
  let fd: number;
  try {
    fd = openSync(pathToBytes(path), O_RDONLY | O_NONBLOCK | O_NOCTTY);
  } catch {
    return undefined;
  }
  try {
    return use(fd);
  } finally {
    closeSync(fd);
  }
}
