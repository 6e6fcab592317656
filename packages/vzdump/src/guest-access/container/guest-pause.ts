import type { Command } from '@vzdump-format/posix';
import { Lifeline } from '@vzdump-format/posix';
import { debugLog } from '@vzdump-format/streams';
import type { GuestContext } from '../guest-access.js';
import type { Lxc } from './lxc.js';

export interface PauseSteps {
  /** Freezes the guest, or stops it. */
  pause(): Promise<void>;
  /** The opposite; does nothing when there is nothing to do. */
  resume(): Promise<void>;
  /** The command that resumes the guest when this process has died. */
  readonly lifeline: Command;
}

/**
 * The time during which a guest does not run, or is told to hook scripts as if it did not (of a snapshot
 * without any need to freeze). It comes to an end in any case, also when this process is killed.
 */
export class GuestPause {
  private lifeline: Lifeline | undefined;
  /** Of `performance.now()`; `undefined` when the guest runs. */
  private since: number | undefined;
  private isScriptTold = false;

  /**
   * @param steps `undefined` when there is nothing to do
   * @param message for the log, when the guest is about to go on
   */
  constructor(
    private readonly context: GuestContext,
    private readonly steps: PauseSteps | undefined,
    private readonly message: string,
  ) {}

  async begin(): Promise<void> {
    if (this.steps === undefined) return;
    const { pause, lifeline } = this.steps;
    debugLog('guest %d: pauses; if this process dies, %j is run', this.context.guest.vmid, lifeline);
    this.lifeline = await Lifeline.hold(lifeline);
    this.since = performance.now();
    await pause();
  }

  /** @throws what a failing hook script, or one of the steps, throws */
  async end(): Promise<void> {
    const { context } = this;
    this.isScriptTold = true;
    await context.phase('pre-restart');
    const seconds = await this.resume();
    await context.phase('post-restart');
    this.tellOfEnd(seconds);
  }

  /** Does what is left of `end`, whatever fails. */
  async endAnyhow(): Promise<void> {
    if (this.since === undefined) return;
    const { context } = this;
    const warn = (error: unknown) => context.log.warn((error as Error).message);
    if (!this.isScriptTold) await context.phase('pre-restart').catch(warn);
    try {
      const seconds = await this.resume();
      await context.phase('post-restart').catch(warn);
      this.tellOfEnd(seconds);
    } catch (error) {
      warn(error);
      await this.letGo();
    }
  }

  private async resume(): Promise<number> {
    if (this.steps === undefined || this.since === undefined) return 0;
    this.context.log.info(this.message);
    await this.steps.resume();
    const milliseconds = performance.now() - this.since;
    debugLog('guest %d: goes on after %d ms', this.context.guest.vmid, Math.round(milliseconds));
    this.since = undefined;
    await this.letGo();
    return Math.floor(milliseconds / 1000);
  }

  private tellOfEnd(seconds: number): void {
    if (this.steps === undefined) return;
    this.context.log.info(`guest is online again after ${seconds === 0 ? '<1' : seconds} seconds`);
  }

  private async letGo(): Promise<void> {
    await this.lifeline?.release();
    this.lifeline = undefined;
  }
}

/** What freezes a container; `undefined` when it is frozen already: then it stays so. */
export async function freezing(lxc: Lxc, { guest, log }: GuestContext): Promise<PauseSteps | undefined> {
  const { vmid } = guest;
  if ((await lxc.state(vmid)) === 'frozen') {
    log.warn('guest is frozen already, and stays so');
    return undefined;
  }
  return {
    pause: () => lxc.freeze(vmid),
    resume: () => lxc.thaw(vmid),
    lifeline: lxc.thawCommand(vmid),
  };
}

/** What stops a container, and starts it again. */
export function stopping(lxc: Lxc, context: GuestContext): PauseSteps {
  const { guest, log, signal, stopWait } = context;
  const { vmid } = guest;
  return {
    async pause() {
      // A shutdown cannot be taken back: after an abort, too, its end is what the start has to wait for.
      const tell = () => log.info('guest is shutting down, and is started again after that');
      signal?.addEventListener('abort', tell);
      await lxc.stop(vmid, stopWait * 60).finally(() => signal?.removeEventListener('abort', tell));
      signal?.throwIfAborted();
    },
    async resume() {
      if ((await lxc.state(vmid)) === 'stopped') await lxc.start(vmid);
    },
    lifeline: lxc.startCommand(vmid),
  };
}
