import { ArchiveError } from '@vzdump-format/streams';
import { keepsAll, type Retention } from '../backups/retention.js';
import { type OptionValue, parseOptionValue } from './option-value.js';
import { type Properties, parseBoolean } from './property-string.js';
import { DEFAULT_STORAGE_ID } from './storage-config.js';
import {
  type DefaultedOptionName,
  type VzdumpOptionName,
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
}

/**
 * The command line before vzdump.conf before the defaults, each option by itself, but that:
 *
 * - which guests, on which node, and whether to stop, only the command line says
 * - storage and dumpdir count as one: the file's count only where the command line has neither; without any, the
 *   storage is `local`, unless the archive goes to standard output
 * - the patterns of exclude-path add up, the file's first
 * - the storage's prune-backups comes between command line and file; without any, all backups are kept, and then,
 *   as with standard output, nothing is removed
 * - performance is merged key by key
 * - notes-template and protected of the file do not count where no storage is used
 *
 * @throws `OPTION_CONFLICT`, `OPTION_REQUIRES`
 */
export function effectiveOptions({ commandLine, file, storageRetention }: OptionSources): EffectiveOptions {
  const target = chooseTarget(commandLine, file);
  const retention =
    commandLine['prune-backups'] ??
    (target.storage === undefined ? undefined : storageRetention?.(target.storage)) ??
    file['prune-backups'] ??
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
  const remove = options.remove && !keepsAll(retention) && options.stdout !== true;
  return { ...options, remove };
}

/**
 * Checks what is on the command line by itself.
 * @param vmids whether it names guests
 * @throws `OPTION_CONFLICT`, `OPTION_REQUIRES`
 */
export function checkCommandLine(options: VzdumpOptions, vmids: boolean): void {
  for (const name of ['all', 'exclude', 'pool'] as const) {
    if (vmids && isGiven(options[name])) throw conflict(`${name}: option conflicts with option 'vmid'`);
  }
  if (
    !vmids &&
    !['all', 'exclude', 'pool', 'stop'].some((name) => isGiven(options[name as VzdumpOptionName]))
  ) {
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
    if (source.storage !== undefined) {
      throw conflict("cannot use options 'storage' and 'stdout' at the same time");
    }
    if (source.dumpdir === undefined) return {};
  }
  if (source.dumpdir !== undefined) return { dumpdir: withoutTrailingSlashes(source.dumpdir) };
  return { storage: source.storage ?? DEFAULT_STORAGE_ID };
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
