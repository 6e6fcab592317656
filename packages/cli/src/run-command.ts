import type { OnWarning } from '@vzdump-format/streams';
import type { CommandContext } from './command.js';
import { EXIT, isOutputClosed, UsageError } from './output/exit-status.js';
import { Messages } from './output/messages.js';
import { ProgressReport } from './output/progress.js';
import type { Invocation } from './program.js';

/** Does what was asked for. @returns the exit status */
export async function runCommand({ command, args, options, warnings = [] }: Invocation): Promise<number> {
  const { json = false, verbose = false, quiet = false, progress: mode = 'auto' } = options;
  const messages = new Messages({ json, verbose }, command.name);
  const progress = new ProgressReport(quiet && mode === 'auto' ? 'none' : mode);
  const interruption = listenForSignals();
  const onWarning: OnWarning = (warning) => {
    if (quiet && warning.isNotice) return;
    progress.writeAbove(() => messages.warn(warning));
  };
  for (const warning of warnings) onWarning(warning);
  let failed = false;
  const context: CommandContext = {
    onWarning,
    onError: (error) => {
      interruption.signal.throwIfAborted();
      failed = true;
      progress.leaveLine();
      messages.fail(error);
    },
    onProgress: progress.update,
    beginProgress: (subject) => progress.begin(subject),
    endProgress: (ending) => progress.end(ending),
    inform: (line) => {
      progress.end();
      if (!quiet) messages.inform(line);
    },
    log: (level, line, vmid) => {
      const show = !quiet || level !== 'info';
      progress.writeAbove(() => messages.log(level, line, { vmid, show }));
    },
    signal: interruption.signal,
  };
  try {
    await command.run(args, options, context);
    progress.end();
    if (failed) return EXIT.failed;
    return messages.warnings > 0 ? EXIT.warnings : EXIT.done;
  } catch (error) {
    progress.leaveLine();
    const cause: unknown = interruption.signal.aborted ? interruption.signal.reason : error;
    if (isOutputClosed(cause)) return EXIT.outputClosed;
    messages.fail(cause);
    if (cause instanceof Interrupted) return cause.status;
    return cause instanceof UsageError ? EXIT.usage : EXIT.failed;
  } finally {
    interruption.stop();
  }
}

/** How each ends the work: the exit status, and what the message says. */
const ENDINGS = {
  SIGHUP: { status: EXIT.hungUp, word: 'the terminal is gone' },
  SIGINT: { status: EXIT.interrupted, word: 'interrupted' },
  SIGQUIT: { status: EXIT.quit, word: 'quit' },
  SIGTERM: { status: EXIT.terminated, word: 'terminated' },
} as const;

type InterruptingSignal = keyof typeof ENDINGS;

/** The signals that somebody gives; a SIGHUP comes by itself, and more than once. */
const ASKED = ['SIGINT', 'SIGQUIT', 'SIGTERM'] as const;

/** A signal ended the work. */
class Interrupted extends Error {
  readonly status: number;

  constructor(signal: InterruptingSignal) {
    const { status, word } = ENDINGS[signal];
    super(word);
    this.name = 'Interrupted';
    this.status = status;
  }
}

/** Whether an exit status is that of an interruption. */
export function isInterruption(status: number): boolean {
  return Object.values(ENDINGS).some((ending) => ending.status === status);
}

/**
 * The first signal lets the work clean up; when one is given once more, nothing catches it, and the process
 * ends at once. A terminal that goes away makes both the kernel and the shell send SIGHUP: that never ends
 * the cleaning up.
 */
function listenForSignals(): { signal: AbortSignal; stop: () => void } {
  const controller = new AbortController();
  const abort = (name: NodeJS.Signals) => controller.abort(new Interrupted(name as InterruptingSignal));
  const onAsked = (name: NodeJS.Signals) => {
    ignoreAsked();
    abort(name);
  };
  const ignoreAsked = () => {
    for (const name of ASKED) process.off(name, onAsked);
  };
  for (const name of ASKED) process.on(name, onAsked);
  process.on('SIGHUP', abort);
  const stop = () => {
    ignoreAsked();
    process.off('SIGHUP', abort);
  };
  return { signal: controller.signal, stop };
}
