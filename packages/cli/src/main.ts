import { CommanderError } from 'commander';
import type { CommandContext } from './command.js';
import { EXIT, Interrupted, UsageError } from './exit-status.js';
import { Messages } from './messages.js';
import { buildProgram, type Invocation } from './program.js';
import { ProgressReport } from './progress.js';

process.exitCode = await main(process.argv.slice(2));

async function main(argv: readonly string[]): Promise<number> {
  let invocation: Invocation | undefined;
  try {
    buildProgram((asked) => {
      invocation = asked;
    }).parse(argv, { from: 'user' });
  } catch (error) {
    return parsingEnded(error, argv);
  }
  return invocation === undefined ? EXIT.done : run(invocation);
}

/** Help and version end the parsing too. */
function parsingEnded(error: unknown, argv: readonly string[]): number {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return EXIT.done;
    const message =
      error.code === 'commander.help' ? 'a command is missing' : error.message.replace(/^error: /, '');
    return failUsage(new UsageError(message), argv);
  }
  if (error instanceof UsageError) return failUsage(error, argv);
  throw error;
}

function failUsage(error: UsageError, argv: readonly string[]): number {
  new Messages({ json: argv.includes('--json'), verbose: argv.includes('--verbose') }).fail(error);
  return EXIT.usage;
}

async function run({ command, args, options }: Invocation): Promise<number> {
  const messages = new Messages({ json: options.json ?? false, verbose: options.verbose ?? false });
  const progress = new ProgressReport(options.quiet ? 'none' : (options.progress ?? 'auto'));
  const interruption = listenForSignals();
  let failed = false;
  const context: CommandContext = {
    onWarning: (warning) => {
      progress.end();
      messages.warn(warning);
    },
    onError: (error) => {
      interruption.signal.throwIfAborted();
      failed = true;
      progress.end();
      messages.fail(error);
    },
    onProgress: progress.update,
    endProgress: () => progress.end(),
    inform: (line) => {
      if (!options.quiet) process.stderr.write(`${line}\n`);
    },
    signal: interruption.signal,
  };
  try {
    await command.run(args, options, context);
    if (failed) return EXIT.failed;
    return messages.warnings > 0 ? EXIT.warnings : EXIT.done;
  } catch (error) {
    progress.end();
    const cause: unknown = interruption.signal.aborted ? interruption.signal.reason : error;
    messages.fail(cause);
    if (cause instanceof Interrupted) return cause.signal === 'SIGINT' ? EXIT.interrupted : EXIT.terminated;
    return cause instanceof UsageError ? EXIT.usage : EXIT.failed;
  } finally {
    interruption.stop();
  }
}

/** The first signal lets the work clean up; the next one, no longer caught, ends the process at once. */
function listenForSignals(): { signal: AbortSignal; stop: () => void } {
  const controller = new AbortController();
  const stop = () => {
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
  };
  const onSignal = (name: NodeJS.Signals) => {
    stop();
    controller.abort(new Interrupted(name as 'SIGINT' | 'SIGTERM'));
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  return { signal: controller.signal, stop };
}
