import { ArchiveError, type OnWarning } from '@vzdump-format/streams';
import { keepsAll, type Retention } from '../backup/retention.js';
import { type Properties, parseBoolean } from '../config-syntax.js';
import { DEFAULT_STORAGE_ID } from '../storage/storage-config.js';
import { type OptionValue, parseOptionValue } from './option-value.js';
import type { GuestChoice } from './select-guests.js';
import {
  type DefaultedOptionName,
  type VzdumpOptionName,
  type VzdumpOptionSpec,
  type VzdumpOptions,
  vzdumpOptions,
} from './vzdump-options.js';

/** The options as a backup uses them: each one that has a default is there. */
export type EffectiveOptions = VzdumpOptions &
  Required<Pick<VzdumpOptions, DefaultedOptionName | 'exclude-path' | 'prune-backups'>>;

export interface OptionSources {
  readonly commandLine: VzdumpOptions;
  /** vzdump.conf */
  readonly file: VzdumpOptions;
  /** `prune-backups` of a storage in storage.cfg. */
  readonly storageRetention?: (storage: string) => Retention | undefined;
  readonly onWarning?: OnWarning | undefined;
}

/**
 * The command line before vzdump.conf before the defaults, each option by itself, but that:
 *
 * - which guests, on which node, and whether to stop, only the command line says (but see `chosenGuests`)
 * - storage and dumpdir count as one: the file's count only where the command line has neither; without
 *   any, the storage is `local`, unless the archive goes to standard output, for which the file's storage
 *   does not count
 * - the patterns of exclude-path add up, the file's first
 * - maxfiles is an older way to say prune-backups: so many are kept, all for 0
 * - the storage's prune-backups comes between command line and file; without any, all backups are kept, and
 *   then, as with standard output, nothing is removed
 * - performance is merged key by key
 * - notes-template and protected of the file do not count where no storage is used
 *
 * An option that is deprecated or has no effect is a notice: `OPTION_DEPRECATED`, `OPTION_IGNORED`.
 *
 * @throws `OPTION_CONFLICT`, `OPTION_REQUIRES`
 */
export function effectiveOptions(sources: OptionSources): EffectiveOptions {
  const { commandLine, file, storageRetention, onWarning } = sources;
  const target = chooseTarget(commandLine, file);
  const retention =
    retentionOf(commandLine, 'on the command line', onWarning) ??
    (target.storage === undefined ? undefined : storageRetention?.(target.storage)) ??
    retentionOf(file, 'in vzdump.conf', onWarning) ??
    {};
  const storageOptions = target.storage === undefined ? STORAGE_OPTIONS : [];
  const options = {
    ...DEFAULTS,
    ...without(file, [...TASK_OPTIONS, ...TARGET_OPTIONS, ...storageOptions]),
    ...without(commandLine, TARGET_OPTIONS),
    ...target,
    'exclude-path': [...(file['exclude-path'] ?? []), ...(commandLine['exclude-path'] ?? [])],
    'prune-backups': retention,
    performance: new Map([
      ...DEFAULTS.performance,
      ...(file.performance ?? new Map()),
      ...(commandLine.performance ?? new Map()),
    ]),
  };
  checkFleecing(options.fleecing);
  tellOfOptions({ ...file, ...commandLine }, onWarning);
  const remove = options.remove && !keepsAll(retention) && options.stdout !== true;
  return { ...options, remove };
}

/**
 * Checks what is on the command line, and whether that says which guests; if not, vzdump.conf can name a
 * pool.
 * @param vmids whether it names guests
 * @throws `OPTION_CONFLICT`, `OPTION_REQUIRES`
 */
export function checkCommandLine(options: VzdumpOptions, vmids: boolean, file: VzdumpOptions = {}): void {
  for (const name of ['all', 'exclude', 'pool'] as const) {
    if (vmids && isGiven(options[name])) throw conflict(`${name}: option conflicts with option 'vmid'`);
  }
  if (!vmids && !saysWhat(options) && file.pool === undefined) {
    throw requires(
      'vmid: property is missing',
      'name guests by their numbers, or give --all, --pool or --stop',
    );
  }
  for (const name of ['notes-template', 'protected'] as const) {
    if (options[name] !== undefined && options.storage === undefined) {
      throw requires(`${name}: missing property - 'storage'`, `give --storage as well`);
    }
  }
}

/**
 * Which guests are asked for, unless they are named: by the command line, or, where it says nothing, by the
 * pool of vzdump.conf.
 */
export function chosenGuests(commandLine: VzdumpOptions, file: VzdumpOptions): GuestChoice {
  if (saysWhat(commandLine) || file.pool === undefined) return commandLine;
  return { pool: file.pool };
}

function saysWhat(options: VzdumpOptions): boolean {
  return (['all', 'exclude', 'pool', 'stop'] as const).some((name) => isGiven(options[name]));
}

/** Of the options that have a default. */
const DEFAULTS = Object.fromEntries(
  vzdumpOptions.flatMap((row): (readonly [string, OptionValue])[] =>
    'default' in row ? [[row.name, parseOptionValue(row.type, row.default)]] : [],
  ),
) as Required<Pick<VzdumpOptions, DefaultedOptionName>>;

/** What the command line alone says. */
const TASK_OPTIONS: readonly VzdumpOptionName[] = ['all', 'exclude', 'node', 'pool', 'stop'];
/** What only a storage can keep. */
const STORAGE_OPTIONS: readonly VzdumpOptionName[] = ['notes-template', 'protected'];
const TARGET_OPTIONS: readonly VzdumpOptionName[] = ['storage', 'dumpdir'];

type Target = Pick<VzdumpOptions, 'storage' | 'dumpdir'>;

function chooseTarget(commandLine: VzdumpOptions, file: VzdumpOptions): Target {
  if (commandLine.storage !== undefined && commandLine.dumpdir !== undefined) {
    throw conflict("cannot use options 'storage' and 'dumpdir' at the same time");
  }
  const source = commandLine.storage === undefined && commandLine.dumpdir === undefined ? file : commandLine;
  if (commandLine.stdout === true) {
    if (commandLine.storage !== undefined) {
      throw conflict("cannot use options 'storage' and 'stdout' at the same time");
    }
    if (source.dumpdir === undefined) return {};
  }
  if (source.dumpdir !== undefined) return { dumpdir: withoutTrailingSlashes(source.dumpdir) };
  return { storage: source.storage ?? DEFAULT_STORAGE_ID };
}

/** What one source says is kept. */
function retentionOf(
  { 'prune-backups': rules, maxfiles }: VzdumpOptions,
  where: string,
  onWarning: OnWarning | undefined,
): Retention | undefined {
  if (rules === undefined) return maxfiles === undefined ? undefined : { last: maxfiles };
  if (maxfiles !== undefined) {
    const message = `both 'maxfiles' and 'prune-backups' are given ${where}: 'maxfiles' does not count`;
    onWarning?.({ code: 'OPTION_IGNORED', message });
  }
  return rules;
}

/** Gives notice of options that are deprecated, and of those that have no effect here. */
function tellOfOptions(options: VzdumpOptions, onWarning: OnWarning | undefined): void {
  for (const { name, deprecated, noEffect } of vzdumpOptions as readonly VzdumpOptionSpec[]) {
    if (options[name as VzdumpOptionName] === undefined) continue;
    const tell = (code: string, message: string, hint?: string) =>
      onWarning?.({ code, message: `option '${name}' ${message}`, hint, isNotice: true });
    if (deprecated !== undefined) tell('OPTION_DEPRECATED', 'is deprecated', deprecated);
    if (noEffect !== undefined) tell('OPTION_IGNORED', `has no effect: ${noEffect}`);
  }
}

function without(options: VzdumpOptions, names: readonly VzdumpOptionName[]): VzdumpOptions {
  return Object.fromEntries(
    Object.entries(options).filter(([name]) => !names.includes(name as VzdumpOptionName)),
  );
}

function checkFleecing(fleecing: Properties): void {
  if (parseBoolean(fleecing.get('enabled') ?? '0') === true && !fleecing.has('storage')) {
    throw requires(
      "'storage' parameter is required when 'enabled' is set",
      'give --fleecing enabled=1,storage=STORAGE',
    );
  }
}

/** A list is, when there is something in it; a switch, when it is on. */
function isGiven(value: OptionValue | undefined): boolean {
  return Array.isArray(value) ? value.length > 0 : value !== undefined && value !== false;
}

function withoutTrailingSlashes(path: string): string {
  let length = path.length;
  while (length > 1 && path[length - 1] === '/') length--;
  return path.slice(0, length);
}

function conflict(message: string): ArchiveError {
  return new ArchiveError('OPTION_CONFLICT', message);
}

function requires(message: string, hint: string): ArchiveError {
  return new ArchiveError('OPTION_REQUIRES', message, { hint });
}
