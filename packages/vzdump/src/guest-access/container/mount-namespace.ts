import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { type Command, runTool, toolEnvironment } from '@vzdump-format/posix';
import { ArchiveError, debugLog } from '@vzdump-format/streams';

const HINT = 'it takes the rights of root, and the programs unshare and nsenter of util-linux';

/**
 * A mount namespace in which volumes are mounted, and nothing of it shows outside: vzdump goes into one
 * itself (`unshare`, `mount --make-rslave /`), but a program of several threads, as Node's are, cannot. So a
 * process that does nothing holds one: mounts are made by programs that `nsenter` it, and what is mounted is
 * read through `/proc/PID/root`.
 *
 * It lives as long as the pipe to that process. When this one dies, `kill -9` included, the kernel closes the
 * pipe, unmounts everything and lets loop devices go. Nor can what removes temporary directories ever reach
 * what is mounted in them.
 *
 * Without root, a user namespace gives the right to mount directories, where the system allows that.
 */
export class MountNamespace {
  private constructor(private readonly holder: ChildProcess) {}

  /** @throws `MOUNT_NAMESPACE` */
  static async open(): Promise<MountNamespace> {
    const user = isRoot() ? [] : ['--user', '--map-root-user'];
    const holder = process
      .getBuiltinModule('node:child_process')
      .spawn('unshare', [...user, '--mount', '--propagation', 'slave', '--', 'cat'], {
        detached: true, // not for Ctrl-C on a terminal to end
        env: toolEnvironment(),
        stdio: 'pipe',
      });
    let complaint = '';
    holder.stderr.setEncoding('latin1').on('data', (text: string) => {
      complaint = (complaint + text).slice(-1000);
    });
    holder.stdin.on('error', () => {}); // it could not be started, or somebody has ended it
    const ended = new Promise<string>((resolve) => {
      holder.on('error', (error) => resolve(error.message));
      holder.on('close', () => resolve(complaint.trim()));
    });
    holder.stdin.write('\n'); // comes back as soon as there is a namespace
    const failure = await Promise.race([once(holder.stdout, 'data').then(() => undefined), ended]);
    if (failure === undefined) {
      debugLog('mount namespace: that of process %d', holder.pid);
      return new MountNamespace(holder);
    }
    throw new ArchiveError('MOUNT_NAMESPACE', `unable to make a mount namespace: ${failure}`, { hint: HINT });
  }

  /**
   * An absolute path, as it is in there, for this process to open. It is to be a real one: a link in it that
   * is absolute would lead out of there.
   */
  path(path: string): string {
    return `/proc/${this.holder.pid}/root${path}`;
  }

  /** Runs a program in there. It never has a signal: mounts are short, and unmounting has to be done. */
  async run(command: Command): Promise<void> {
    const user = isRoot() ? [] : ['--user', '--preserve-credentials'];
    await runTool(['nsenter', `--target=${this.holder.pid}`, ...user, '--mount', '--', ...command]);
  }

  async close(): Promise<void> {
    const { holder } = this;
    if (holder.exitCode !== null || holder.signalCode !== null) return;
    debugLog('mount namespace: that of process %d is given up', holder.pid);
    const ended = once(holder, 'close');
    holder.stdin!.end();
    await ended;
  }
}

function isRoot(): boolean {
  return process.geteuid?.() === 0;
}
