import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { bytesToPath } from '@vzdump-format/posix';

/** What listens for commands to a container, as far as its name tells. */
export interface LxcSockets {
  /** The LXC paths of containers of that name. */
  readonly paths: readonly string[];
  /** Inodes of those that may be of any container. */
  readonly unnamed: ReadonlySet<string>;
}

/** A line ends with the inode and the name: RefCount Protocol Flags Type St Inode Path. */
const COMMAND_SOCKET = / (\d+) @(?:lxc\/[\da-f]{16}|(.*)\/([^/\n]+))\/command$/gm;

/**
 * The sockets of containers of that name that run. Whoever runs one listens on the abstract socket
 * `LXCPATH/NAME/command`, or
 * `lxc/HASH/command` if that is too long; LXC's programs look for no more.
 * @returns `undefined` where sockets are not to be seen
 */
export function lxcSockets(name: string): LxcSockets | undefined {
  const list = read('/proc/net/unix');
  if (list === undefined) return undefined;
  const paths = new Set<string>();
  const unnamed = new Set<string>();
  for (const [, inode, path, own] of list.matchAll(COMMAND_SOCKET)) {
    if (path === undefined) unnamed.add(inode!);
    else if (own === name) paths.add(path);
  }
  return { paths: [...paths], unnamed };
}

/** The LXC paths of containers of that name that run, also of those whose sockets do not tell. */
export function lxcPathsInUse(name: string): readonly string[] {
  const sockets = lxcSockets(name);
  if (sockets === undefined) return [];
  const { paths, unnamed } = sockets;
  return unnamed.size === 0 ? paths : [...paths, ...monitoredPaths(name, unnamed)];
}

/** Of processes that say that they run such a container, and have one of the sockets open. */
function monitoredPaths(name: string, sockets: ReadonlySet<string>): readonly string[] {
  return readdirSync('/proc')
    .filter((pid) => /^\d+$/.test(pid))
    .flatMap((pid) => {
      const title = read(`/proc/${pid}/cmdline`)?.replace(/\0+$/, '') ?? '';
      const path = /^\[lxc monitor\] (.*) ([^ ]+)$/s.exec(title);
      return path?.[2] === name && holdsSocket(pid, sockets) ? [path[1]!] : [];
    });
}

function holdsSocket(pid: string, sockets: ReadonlySet<string>): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) => {
      const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1];
      return inode !== undefined && sockets.has(inode);
    });
  } catch {
    return false; // it has ended, or is not ours to look at
  }
}

/** `undefined` for what is not there, or not ours to read. */
function read(path: string): string | undefined {
  try {
    return bytesToPath(readFileSync(path));
  } catch {
    return undefined;
  }
}
