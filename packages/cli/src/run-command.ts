import type { OnWarning } from '@vzdump-format/streams';
import type { CommandContext } from './command.js';
import { Interrupted, listenForSignals } from './interruption.js';
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
