import type { OnWarning } from '@vzdump-format/streams';

/** One row of the option table, from which parser, help, manual page and completions are made. */
export interface OptionSpec {
  /** As `--drive <NAME=PATH>`. The placeholders `file`, `directory` and `NAME=PATH` are completed with paths. */
  readonly flags: string;
  readonly description: string;
  readonly choices?: readonly string[];
  /** May be given several times; its value is then a list. */
  readonly repeatable?: boolean;
  /** Turns the text into the value. @throws UsageError */
  readonly parse?: (text: string) => unknown;
}

export interface ArgumentSpec {
  /** As it stands in the usage line: `<archive>`, `<archive...>`, `[text]` where it may be left out. */
  readonly name: string;
  readonly description: string;
  /** What it can be: one of these words, or a file, or a directory. */
  readonly values?: readonly string[] | 'file' | 'directory';
}

/** What a command works with beside its arguments and options. */
export interface CommandContext {
  readonly onWarning: OnWarning;
  /** Reports an error and goes on; the command has then failed. */
  readonly onError: (error: unknown) => void;
  /** @param total where it is known */
  readonly onProgress: (bytes: number, total?: number) => void;
  /** Says something of interest to a person, on stderr, unless they asked for quiet. */
  readonly inform: (line: string) => void;
  /** Ends the progress of one piece of work; the next one counts from zero. */
  readonly endProgress: () => void;
  readonly signal: AbortSignal;
}

/** A command: its row in the table, and what it does. */
export interface Command<Options = Readonly<Record<string, unknown>>> {
  readonly name: string;
  readonly summary: string;
  readonly arguments: readonly ArgumentSpec[];
  readonly options: readonly OptionSpec[];
  readonly examples: readonly string[];
  run(args: readonly string[], options: Options, context: CommandContext): Promise<void>;
}

/** Everything that can be asked for: what help, manual page and completions tell of. */
export interface CommandTable {
  readonly commands: readonly Command[];
  /** Options that every command takes. */
  readonly commonOptions: readonly OptionSpec[];
}
