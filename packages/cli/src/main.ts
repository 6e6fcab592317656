import { availableParallelism } from 'node:os';
import type { OnWarning } from '@vzdump-format/streams';
import { CommanderError } from 'commander';
import type { CommandContext } from './command.js';
import { commonOptions } from './options/options.js';
import { exactArguments, spelledOut, spellNumbered } from './options/spelling.js';
import { EXIT, isOutputClosed, UsageError } from './output/exit-status.js';
import { Messages } from './output/messages.js';
import { print, standardError, toJson } from './output/output.js';
import { ProgressReport } from './output/progress.js';
import {
  buildProgram,
  commands,
  describeInstallation,
  type Invocation,
  installation,
  version,
} from './program.js';

/**
 * Does what the command line asks for, and sets the exit status.
 * @param argv the arguments, without the program's name
 */
export async function run(argv: readonly string[]): Promise<void> {
  sizeThreadPool();
  const status = await main(exactArguments(argv));
  // What ended early may have left a read or a write pending, which would keep the process alive for ever.
  if (isInterruption(status) || status === EXIT.outputClosed) process.exit(status);
  process.exitCode = status;
}

async function main(argv: readonly string[]): Promise<number> {
  let invocation: Invocation | undefined;
  let shown = '';
  const program = buildProgram({
    ...{ commands, commonOptions, version: version(), asked: commandName(argv) },
    invoke: (asked) => {
      invocation = asked;
    },
    show: (text) => {
      shown += text;
    },
  });
  const messages = () =>
    new Messages({ json: argv.includes('--json'), verbose: asksVerbose(argv) }, commandName(argv));
  let warnings: Invocation['warnings'] = [];
  try {
    const spelled = spelledOut(spellNumbered(argv, commands), { commands, commonOptions });
    warnings = spelled.warnings;
    program.parse(spelled.argv, { from: 'user' });
  } catch (error) {
    const wrong = usageError(error, argv);
    if (wrong === undefined) {
      const isVersion = (error as CommanderError).code === 'commander.version';
      return printHelp(isVersion ? await versionText(argv) : shown, messages());
    }
    if (argv.length === 0) {
      program.outputHelp();
      standardError.write(`${shown}\n`);
    }
    messages().fail(wrong);
    return EXIT.usage;
  }
  return runCommand({ ...invocation!, warnings });
}

/** What is wrong with the command line; nothing when the parsing ended with the help or the version. */
function usageError(error: unknown, argv: readonly string[]): UsageError | undefined {
  if (error instanceof UsageError) return error;
  if (!(error instanceof CommanderError)) throw error;
  if (error.exitCode === 0) return undefined;
  const said = error.message.replace(/^error: /, '').replace('\n', ' '); // (Did you mean …?)
  if (error.code !== 'commander.help') return new UsageError(said);
  const isHelp = argv[0] === 'help' && argv[1] !== undefined;
  if (isHelp) return new UsageError(`unknown command '${argv[1]}'`);
  return new UsageError('a command is missing', 'see vzdump-format COMMAND --help');
}

/** `-qv` is `-q -v`. */
function asksVerbose(argv: readonly string[]): boolean {
  return argv.some((word) => word === '--verbose' || /^-[qvV]*v[qvV]*$/.test(word));
}

function commandName(argv: readonly string[]): string | undefined {
  return commands.find(({ name }) => name === argv[0])?.name;
}

/** With `--verbose` or `--json`, what all of it stands on, too. */
async function versionText(argv: readonly string[]): Promise<string> {
  if (argv.includes('--json')) return `${toJson(await installation(), 2)}\n`;
  return asksVerbose(argv) ? describeInstallation(await installation()) : `${version()}\n`;
}

async function printHelp(text: string, messages: Messages): Promise<number> {
  try {
    await print(text);
    return EXIT.done;
  } catch (error) {
    if (isOutputClosed(error)) return EXIT.outputClosed;
    messages.fail(error);
    return EXIT.failed;
  }
}

/** What Node's thread pool has unless told otherwise. */
const USUAL_SIZE = 4;
/** For reading and writing beside what compresses. */
const MORE_THAN_CORES = 2;

/**
 * Makes Node's thread pool, in which codecs work, as large as the machine, unless the user has set its size.
 * It has to be called before anything uses the pool.
 */
export function sizeThreadPool(environment = process.env, cores = availableParallelism()): void {
  if (cores + MORE_THAN_CORES <= USUAL_SIZE) return;
  environment.UV_THREADPOOL_SIZE ??= String(cores + MORE_THAN_CORES);
}

/** Does what was asked for. @returns the exit status */
async function runCommand({ command, args, options, warnings = [] }: Invocation): Promise<number> {
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
function isInterruption(status: number): boolean {
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
