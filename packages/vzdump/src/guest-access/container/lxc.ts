import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { resolve } from 'node:path';
import { bytesToPath, type Command, isInstalled, printableName, runTool } from '@vzdump-format/posix';
import { ArchiveError, debugLog } from '@vzdump-format/streams';

export interface LxcOptions {
  /**
   * Where LXC keeps its containers, by the path that they were started with; LXC's default (`lxc.lxcpath`)
   * unless given.
   */
  readonly lxcPath?: string | undefined;
}

export type LxcState = 'running' | 'frozen' | 'stopped';

/** Seconds that starting and freezing may take: both wait for the container's processes. */
const START_TIMEOUT = 300;
const FREEZE_TIMEOUT = 120;
/** Seconds that stopping may take beyond the time that the guest has for it. */
const STOP_MARGIN = 60;

/**
 * LXC's containers, by their ids, through its own programs. A container's name is its id, as on Proxmox VE.
 *
 * On Proxmox VE, `pct` starts them, since it writes LXC's configuration first; with `--skiplock`, as the
 * backup itself holds the guest's lock. The rest is up to LXC's programs there too: `pct shutdown` refuses
 * guests that are locked, and `pct suspend` writes a checkpoint, which is more than to freeze.
 */
export class Lxc {
  private readonly lxcPath: string | undefined;

  constructor({ lxcPath }: LxcOptions = {}) {
    // LXC finds a running container by the text of the path: another one for the same directory has none
    this.lxcPath = lxcPath && resolve(lxcPath);
  }

  /**
   * A container that LXC does not know, or where there is no LXC, is stopped. `lxc-info` takes 20 ms to say
   * so, and is not asked where nothing can run.
   * @throws `LXC_PATH` for one that runs under another LXC path
   */
  async state(vmid: number): Promise<LxcState> {
    const sockets = lxcSockets(String(vmid));
    if (sockets?.paths.length === 0 && sockets.unnamed.size === 0) {
      debugLog('guest %d: does not run, as no socket of LXC is its', vmid);
      return 'stopped';
    }
    const state = await this.stateHere(vmid);
    if (state === 'stopped') await this.requireNotElsewhere(vmid);
    return state;
  }

  /** The first process of a container that runs, as the host sees it. @throws `LXC_PID` */
  async initPid(vmid: number): Promise<number> {
    const text = await this.info(vmid, '--pid');
    if (/^[1-9]\d{0,9}$/.test(text)) return Number(text);
    throw new ArchiveError('LXC_PID', `container ${vmid} has no process: has it been stopped meanwhile?`);
  }

  /**
   * Shuts a container down, and kills it when that takes too long.
   * @param seconds 0 kills it at once
   * @throws `LXC_STOP` when it runs nevertheless
   */
  async stop(vmid: number, seconds: number): Promise<void> {
    const how = seconds === 0 ? ['--kill'] : [`--timeout=${seconds}`];
    await runTool(this.command('lxc-stop', vmid, ...how), { timeout: seconds + STOP_MARGIN });
    if ((await this.state(vmid)) === 'stopped') return;
    throw new ArchiveError('LXC_STOP', `container ${vmid} does not stop`);
  }

  async start(vmid: number): Promise<void> {
    await runTool(this.startCommand(vmid), { timeout: START_TIMEOUT });
  }

  /** Stops all processes of a container where they are. */
  async freeze(vmid: number): Promise<void> {
    await runTool(this.command('lxc-freeze', vmid), { timeout: FREEZE_TIMEOUT });
  }

  async thaw(vmid: number): Promise<void> {
    await runTool(this.thawCommand(vmid), { timeout: FREEZE_TIMEOUT });
  }

  startCommand(vmid: number): Command {
    if (this.lxcPath === undefined && isInstalled('pct')) {
      return ['pct', 'start', String(vmid), '--skiplock', '1'];
    }
    return this.command('lxc-start', vmid, '--daemon');
  }

  thawCommand(vmid: number): Command {
    return this.command('lxc-unfreeze', vmid);
  }

  private async stateHere(vmid: number): Promise<LxcState> {
    let state: string;
    try {
      state = await this.info(vmid, '--state');
    } catch (error) {
      const { code, message } = error as ArchiveError;
      if (code === 'PROGRAM_MISSING') return 'stopped';
      if (code === 'PROGRAM_FAILED' && message.includes("doesn't exist")) return 'stopped';
      throw error;
    }
    if (state === 'STOPPED') return 'stopped';
    return state === 'FROZEN' || state === 'FREEZING' ? 'frozen' : 'running';
  }

  /** A socket of our own path may be there still for a moment, though the container has stopped. */
  private async requireNotElsewhere(vmid: number): Promise<void> {
    const paths = lxcPathsInUse(String(vmid));
    if (paths.length === 0) return;
    const own = this.lxcPath ?? (await defaultLxcPath());
    const other = paths.find((path) => path !== own);
    if (other === undefined) return;
    const path = printableName(other);
    throw new ArchiveError('LXC_PATH', `container ${vmid} runs under another LXC path: ${path}`, {
      entry: other,
      hint: `stop it, or say which path it is: --lxc-path ${path}`,
    });
  }

  private async info(vmid: number, what: string): Promise<string> {
    return (await runTool(this.command('lxc-info', vmid, what, '--no-humanize'))).trim();
  }

  private command(program: string, vmid: number, ...args: readonly string[]): Command {
    const path = this.lxcPath === undefined ? [] : [`--lxcpath=${this.lxcPath}`];
    return [program, `--name=${vmid}`, ...path, ...args];
  }
}

/** `undefined` where there is no LXC. */
async function defaultLxcPath(): Promise<string | undefined> {
  return runTool(['lxc-config', 'lxc.lxcpath']).then(
    (path) => path.trim(),
    () => undefined,
  );
}

/** What listens for commands to a container, as far as its name tells. */
interface LxcSockets {
  /** The LXC paths of containers of that name. */
  readonly paths: readonly string[];
  /** Inodes of sockets that may belong to any container. */
  readonly unnamed: ReadonlySet<string>;
}

/** A line ends with the inode and the name: RefCount Protocol Flags Type St Inode Path. */
const COMMAND_SOCKET = / (\d+) @(?:lxc\/[\da-f]{16}|(.*)\/([^/\n]+))\/command$/gm;

/**
 * The sockets of containers of that name that run. Whoever runs one listens on the abstract socket
 * `LXCPATH/NAME/command`, or `lxc/HASH/command` if that is too long; LXC's programs look for no more.
 * @returns `undefined` where sockets are not to be seen
 */
function lxcSockets(name: string): LxcSockets | undefined {
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
function lxcPathsInUse(name: string): readonly string[] {
  const sockets = lxcSockets(name);
  if (sockets === undefined) return [];
  const { paths, unnamed } = sockets;
  return unnamed.size === 0 ? paths : [...paths, ...monitoredPaths(name, unnamed)];
}

/** The LXC paths of processes that say that they run such a container, and have one of the sockets open. */
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
