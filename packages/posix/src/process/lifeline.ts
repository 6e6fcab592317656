import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { type Command, toolEnvironment } from './run-tool.js';

/** Waits for a line. When the pipe ends without one, since its writer has died, the command is run. */
const SCRIPT = 'read -r line || exec "$@"';

/**
 * A command that is run as soon as this process has died, even by `kill -9`: it does what `finally` would
 * have done. A small shell waits for that at the other end of a pipe, which the kernel closes.
 */
export class Lifeline {
  private constructor(private readonly shell: ChildProcess) {}

  static async hold(command: Command): Promise<Lifeline> {
    const shell = process
      .getBuiltinModule('node:child_process')
      .spawn('/bin/sh', ['-c', SCRIPT, 'sh', ...command], {
        detached: true, // not for Ctrl-C on a terminal to end
        env: toolEnvironment(),
        stdio: ['pipe', 'ignore', 'ignore'],
      });
    await once(shell, 'spawn');
    shell.unref();
    (shell.stdin as Socket).unref(); // which it is, though the types do not tell
    shell.stdin.on('error', () => {}); // somebody has ended the shell
    return new Lifeline(shell);
  }

  /** The command is needed no longer: the shell ends. */
  async release(): Promise<void> {
    const { shell } = this;
    if (shell.exitCode !== null || shell.signalCode !== null) return;
    shell.ref();
    const ended = once(shell, 'exit');
    shell.stdin!.end('\n');
    await ended;
  }
}
