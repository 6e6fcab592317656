import type { OnProgress, OnWarning } from '@vzdump-format/streams';
import type { LogLevel } from '@vzdump-format/vzdump';
import type { ProgressSubject } from './output/progress.js';

/** One row of the option table, from which parser, help, manual page and completions are made. */
export interface OptionSpec {
  /**
   * As `--drive <NAME=PATH>`, or `--all [0|1]` where the value may be left out. The placeholders `file`,
   * `directory` and `NAME=PATH` are completed with paths, `drive` with the drives in the archive.
   */
  readonly flags: string;
  readonly description: string;
  /** Another name, of one letter: `-q`. */
  readonly short?: string;
  /** The heading that it stands under in help and manual page; those of the command itself have none. */
  readonly group?: string;
  /** The variable that says what holds where the option is not given. */
  readonly environment?: string;
  /** By their names in camel case, options that say the same: where one is given, the variable has no say. */
  readonly sameAs?: readonly string[];
  readonly choices?: readonly string[];
  /**
   * May be given several times; its value is then a list, to which each time adds what `parse` gives: one
   * item or several.
   */
  readonly repeatable?: boolean;
  /** `--mpN <volume>` stands for `--mp0`, `--mp1` and so on, each once: its value is a map by `mp0`. */
  readonly numbered?: boolean;
  /** Turns the text into the value. @throws UsageError */
  readonly parse?: (text: string) => unknown;
}

export interface ArgumentSpec {
  /** As it stands in the usage line: `<archive>`, `<archive...>`, `[text]` where it may be left out. */
  readonly name: string;
  readonly description: string;
  /** What it can be: one of these words, a file, a directory, or the name of something in an archive. */
  readonly values?: readonly string[] | 'file' | 'directory' | 'member';
}

/** What a command works with beside its arguments and options. */
export interface CommandContext {
  readonly onWarning: OnWarning;
  /** Reports an error and goes on; the command has then failed. */
  readonly onError: (error: unknown) => void;
  readonly onProgress: OnProgress;
  /** Says something of interest to a person, on stderr, unless they asked for quiet. */
  readonly inform: (line: string) => void;
  /** Writes a line of the log of a job, as vzdump has it: `INFO: …`. Of warnings, the exit status tells. */
  readonly log: (level: LogLevel, line: string, vmid?: number) => void;
  /** Says what the progress is of, where there are several pieces of work. */
  readonly beginProgress: (subject: ProgressSubject) => void;
  /**
   * Ends the progress of one piece of work; the next one counts from zero.
   * @param options.leavesLine whether the last line of progress stays on the terminal; yes unless given
   */
  readonly endProgress: (options?: { readonly leavesLine?: boolean }) => void;
  readonly signal: AbortSignal;
}

/** A command: its row in the table, and what it does. */
export interface Command<Options = Readonly<Record<string, unknown>>> {
  readonly name: string;
  readonly summary: string;
  readonly arguments: readonly ArgumentSpec[];
  readonly options: readonly OptionSpec[];
  /** Those of its options that can be shortened, as long as it is clear among them which one is meant. */
  readonly abbreviated?: readonly OptionSpec[] | undefined;
  readonly examples: readonly string[];
  run(args: readonly string[], options: Options, context: CommandContext): Promise<void>;
}

/**
 * Every option that a command takes: its own, and the common ones. One of its own that takes the place of a
 * common one has that one's short name and variable.
 */
export function allOptions(command: Command, commonOptions: readonly OptionSpec[]): readonly OptionSpec[] {
  const common = new Map(commonOptions.map((spec) => [longName(spec), spec]));
  const own = command.options.map((spec) => {
    const replaced = common.get(longName(spec));
    common.delete(longName(spec));
    if (replaced === undefined) return spec;
    const { short, environment } = replaced;
    return { ...spec, ...(short && { short }), ...(environment && { environment }) };
  });
  return [...own, ...common.values()];
}

/** The options under one heading. */
export function inGroup(group: string, options: readonly OptionSpec[]): readonly OptionSpec[] {
  return options.map((spec) => ({ ...spec, group }));
}

/** By headings, in the order in which they come; those without one are first. */
export function optionGroups(options: readonly OptionSpec[]): ReadonlyMap<string, readonly OptionSpec[]> {
  const groups = new Map<string, OptionSpec[]>([['', []]]);
  for (const spec of options) {
    const { group = '' } = spec;
    groups.set(group, [...(groups.get(group) ?? []), spec]);
  }
  return groups;
}

/** `--drive <NAME=PATH>` → `--drive` */
export function longName({ flags }: OptionSpec): string {
  return flags.split(' ')[0]!;
}

/** Everything that can be asked for: what help, manual page and completions tell of. */
export interface CommandTable {
  readonly commands: readonly Command[];
  /** Options that every command takes. */
  readonly commonOptions: readonly OptionSpec[];
}
