import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { getSystemErrorMap } from 'node:util';
import type { LibraryHandle } from 'koffi';

/** Text for the C library: a string, or its bytes with a NUL behind them where it is not UTF-8. */
export type CString = string | Buffer;

/**
 * The calls on extended attributes, of an open file (`number`) or of a path that is not followed (`CString`).
 */
export interface XattrCalls<Target> {
  /** What stands before `getxattr` in the names of these calls. */
  readonly prefix: 'f' | 'l';
  errno(): number;
  list(target: Target, names: Uint8Array, size: number): number;
  get(target: Target, attribute: CString, value: Uint8Array, size: number): number;
  set(target: Target, attribute: CString, value: Uint8Array, size: number, flags: number): number;
  remove(target: Target, attribute: CString): number;
}

/**
 * The C library's functions, as they are: what fails gives -1, and `errno()` says why until the next call.
 * What is given after a type's name (`'uint', mode`) stands for `...` in C, where the types decide how it is
 * passed.
 */
export interface NativeCalls {
  /** The error number of the last failed call on this thread. */
  errno(): number;

  openat(directory: number, name: CString, flags: number, ...mode: [] | ['uint', number]): number;
  /** The same for what is there already. */
  openatExisting(directory: number, name: CString, flags: number): number;
  close(fd: number): number;
  read(fd: number, buffer: Uint8Array, size: number): number;
  pread(fd: number, buffer: Uint8Array, size: number, position: number): number;
  write(fd: number, bytes: Uint8Array, size: number): number;
  pwrite(fd: number, bytes: Uint8Array, size: number, position: number): number;
  lseek(fd: number, offset: number, whence: number): number;
  sendfile(to: number, from: number, offset: BigInt64Array, size: number): number;
  statx(directory: number, name: CString, flags: number, mask: number, status: Uint8Array): number;
  getdents64(fd: number, entries: Uint8Array, size: number): number;

  mkdirat(directory: number, name: CString, mode: number): number;
  symlinkat(target: CString, directory: number, name: CString): number;
  mknodat(directory: number, name: CString, mode: number, device: number): number;
  linkat(from: number, fromName: CString, to: number, toName: CString, flags: number): number;
  readlinkat(directory: number, name: CString, target: Uint8Array, size: number): number;
  unlinkat(directory: number, name: CString, flags: number): number;
  renameat(from: number, fromName: CString, to: number, toName: CString): number;
  renameat2(from: number, fromName: CString, to: number, toName: CString, flags: number): number;

  fchownat(directory: number, name: CString, uid: number, gid: number, flags: number): number;
  fchown(fd: number, uid: number, gid: number): number;
  chmod(path: CString, mode: number): number;
  fchmod(fd: number, mode: number): number;
  utimensat(directory: number, name: CString, times: BigInt64Array, flags: number): number;
  futimens(fd: number, times: BigInt64Array): number;
  readonly fileXattrs: XattrCalls<number>;
  readonly pathXattrs: XattrCalls<CString>;

  fallocate(fd: number, mode: number, offset: number, length: number): number;
  flock(fd: number, operation: number): number;
  ioctl(fd: number, request: number, ...argument: ['void *', Uint32Array] | ['int', number]): number;
  fcntl(fd: number, command: number, ...argument: ['int', number] | ['void *', BigInt64Array]): number;
  ioprioSet(which: number, who: number, priority: number): number;
}

/**
 * Calls that not every C library has a function for (glibc has `getdents64` since 2.30, `mknodat` since 2.33,
 * `renameat2` since 2.28, and `ioprio_set` not at all), by the number that the kernel gives them on each
 * architecture.
 */
const GETDENTS64 = { x64: 217, arm64: 61, riscv64: 61, loong64: 61, ppc64: 202 } as const;
const MKNODAT = { x64: 259, arm64: 33, riscv64: 33, loong64: 33, ppc64: 288 } as const;
const RENAMEAT2 = { x64: 316, arm64: 276, riscv64: 276, loong64: 276, ppc64: 357 } as const;
const IOPRIO_SET = { x64: 251, arm64: 30, riscv64: 30, loong64: 30, ppc64: 273 } as const;

let loaded: NativeCalls | null | undefined;
let allowed = true;

/**
 * The C library, or `null` where there is none to call: another system than 64-bit Linux, or an installation
 * without koffi's binary. Loaded at the first call, since that takes some 20 ms.
 */
export function nativeCalls(): NativeCalls | null {
  if (!allowed) return null;
  if (loaded === undefined) loaded = load(); // once, also where there is nothing to load
  return loaded;
}

/** Whether what `node:fs` lacks can be had: on 64-bit Linux, where koffi is installed. */
export function nativeCallsAvailable(): boolean {
  return nativeCalls() !== null;
}

/** What is lost without native calls, in one sentence for a warning; `undefined` where there are some. */
export function missingCapabilities(): string | undefined {
  if (nativeCallsAvailable()) return undefined;
  return (
    'without native calls (64-bit Linux with koffi), extended attributes, ACLs, capabilities, file flags, quota projects, ' +
    'devices, FIFOs, sockets and holes are not kept, times are exact to the microsecond, and nothing guards against ' +
    'others who change the tree meanwhile'
  );
}

/** The C library's functions. @throws `ENOSYS` where there are none */
export function requireNativeCalls(syscall: string): NativeCalls {
  const calls = nativeCalls();
  if (calls === null) throw missingCall(syscall);
  return calls;
}

/** For tests: with `false`, everything works as it does where there are no native calls, until `true`. */
export function allowNativeCalls(allow: boolean): void {
  allowed = allow;
}

function load(): NativeCalls | null {
  const { platform, arch } = process;
  if (platform !== 'linux' || !isKnown(arch)) return null;
  try {
    return bind(loadKoffi(), arch);
  } catch {
    return null;
  }
}

/** The version of koffi, through which libraries of the system are called, if it is installed. */
export function koffiVersion(): string | undefined {
  try {
    return loadKoffi().version;
  } catch {
    return undefined;
  }
}

function loadKoffi(): typeof import('koffi') {
  return createRequire(import.meta.url)('koffi');
}

function isKnown(arch: string): arch is keyof typeof GETDENTS64 {
  return arch in GETDENTS64;
}

/** Prototypes as in the manual pages; koffi has no `ssize_t`. */
function bind({ load, errno }: typeof import('koffi'), arch: keyof typeof GETDENTS64): NativeCalls {
  const library = load(null);
  const syscall = library.func('long syscall(long, ...)');
  const openat = library.func('int openat(int, const char *, int, ...)');
  return {
    errno,
    openat,
    openatExisting: openatOfThree(library) ?? openat,
    close: library.func('int close(int)'),
    read: library.func('int64_t read(int, void *, size_t)'),
    pread: library.func('int64_t pread(int, void *, size_t, int64_t)'),
    write: library.func('int64_t write(int, const void *, size_t)'),
    pwrite: library.func('int64_t pwrite(int, const void *, size_t, int64_t)'),
    lseek: library.func('int64_t lseek(int, int64_t, int)'),
    sendfile: library.func('int64_t sendfile(int, int, void *, size_t)'),
    statx: library.func('int statx(int, const char *, int, uint, void *)'),
    getdents64: (fd, entries, size) =>
      syscall(GETDENTS64[arch], 'int', fd, 'void *', entries, 'size_t', size),
    mkdirat: library.func('int mkdirat(int, const char *, uint)'),
    symlinkat: library.func('int symlinkat(const char *, int, const char *)'),
    mknodat: (directory, name, mode, device) =>
      syscall(MKNODAT[arch], 'int', directory, 'const char *', name, 'uint', mode, 'uint', device),
    linkat: library.func('int linkat(int, const char *, int, const char *, int)'),
    readlinkat: library.func('int64_t readlinkat(int, const char *, void *, size_t)'),
    unlinkat: library.func('int unlinkat(int, const char *, int)'),
    renameat: library.func('int renameat(int, const char *, int, const char *)'),
    renameat2: (from, fromName, to, toName, flags) =>
      syscall(
        RENAMEAT2[arch],
        'int',
        from,
        'const char *',
        fromName,
        'int',
        to,
        'const char *',
        toName,
        'uint',
        flags,
      ),
    fchownat: library.func('int fchownat(int, const char *, uint, uint, int)'),
    fchown: library.func('int fchown(int, uint, uint)'),
    chmod: library.func('int chmod(const char *, uint)'),
    fchmod: library.func('int fchmod(int, uint)'),
    utimensat: library.func('int utimensat(int, const char *, const void *, int)'),
    futimens: library.func('int futimens(int, const void *)'),
    fileXattrs: {
      prefix: 'f',
      errno,
      list: library.func('int64_t flistxattr(int, void *, size_t)'),
      get: library.func('int64_t fgetxattr(int, const char *, void *, size_t)'),
      set: library.func('int fsetxattr(int, const char *, const void *, size_t, int)'),
      remove: library.func('int fremovexattr(int, const char *)'),
    },
    pathXattrs: {
      prefix: 'l',
      errno,
      list: library.func('int64_t llistxattr(const char *, void *, size_t)'),
      get: library.func('int64_t lgetxattr(const char *, const char *, void *, size_t)'),
      set: library.func('int lsetxattr(const char *, const char *, const void *, size_t, int)'),
      remove: library.func('int lremovexattr(const char *, const char *)'),
    },
    fallocate: library.func('int fallocate(int, int, int64_t, int64_t)'),
    flock: library.func('int flock(int, int)'),
    ioctl: library.func('int ioctl(int, ulong, ...)'),
    fcntl: library.func('int fcntl(int, int, ...)'),
    ioprioSet: (which, who, priority) => syscall(IOPRIO_SET[arch], 'int', which, 'int', who, 'int', priority),
  };
}

/**
 * glibc has openat(2) without `...`, too, which takes a third less time to call; other C libraries lack it.
 */
function openatOfThree(library: LibraryHandle): NativeCalls['openatExisting'] | undefined {
  try {
    return library.func('int __openat_2(int, const char *, int)');
  } catch {
    return undefined;
  }
}

/**
 * What would act on the terminal or mislead the eye: control characters, bidirectional marks, half
 * surrogates.
 */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/** Longer paths are cut in messages, at their beginning. In UTF-16 units. */
const LONGEST = 1000;

/**
 * A Node-style system error: `code`, `errno`, `syscall`, `path`, and the message that Node gives it. What
 * cannot be printed of the path is `?` in the message.
 */
export function systemError(errno: number, syscall: string, path?: string): NodeJS.ErrnoException {
  const [code, meaning] = getSystemErrorMap().get(-errno) ?? [`E${errno}`, 'unknown system error'];
  const where = path === undefined ? '' : ` '${printable(path)}'`;
  const error = new Error(`${code}: ${meaning}, ${syscall}${where}`);
  return Object.assign(error, { code, errno: -errno, syscall }, path === undefined ? {} : { path });
}

/** A call that this system does not have, or that cannot be made without native calls. */
export function missingCall(syscall: string, path?: string): NodeJS.ErrnoException {
  return systemError(constants.errno.ENOSYS, syscall, path);
}

function printable(path: string): string {
  const shown = path.length > LONGEST ? `…${path.slice(-LONGEST)}` : path;
  return shown.replace(UNPRINTABLE, '?');
}
