import { availableParallelism } from 'node:os';
import { CommanderError } from 'commander';
import { commands } from './commands/index.js';
import { commonOptions } from './options/options.js';
import { exactArguments, spelledOut, spellNumbered } from './options/spelling.js';
import { EXIT, isOutputClosed, UsageError } from './output/exit-status.js';
import { toJson } from './output/json.js';
import { Messages } from './output/messages.js';
import { print } from './output/output.js';
import { buildProgram, type Invocation } from './program.js';
import { isInterruption, runCommand } from './run-command.js';
import { describeInstallation, installation, version } from './version.js';

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
    new Messages({ json: argv.includes('--json'), verbose: argv.includes('--verbose') }, commandName(argv));
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
  return new UsageError(isHelp ? `unknown command '${argv[1]}'` : 'a command is missing');
}

function commandName(argv: readonly string[]): string | undefined {
  return commands.find(({ name }) => name === argv[0])?.name;
}

/** With `--verbose` or `--json`, what all of it stands on, too. */
async function versionText(argv: readonly string[]): Promise<string> {
  if (argv.includes('--json')) return `${toJson(await installation(), 2)}\n`;
  return argv.includes('--verbose') ? describeInstallation(await installation()) : `${version()}\n`;
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
