import { stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { type OpenArchive, openArchive, openTree } from '@vzdump-format/archives';
import { ArchiveError, type ByteSource, FileSource } from '@vzdump-format/streams';
import { allOptions, type Command, type CommandTable, longName, type OptionSpec } from './command.js';
import { UsageError } from './output/exit-status.js';

/** Who waits for a shell to complete a name waits no longer, and an archive is not read for it. */
const MAX_MILLISECONDS = 2000;
const MAX_BYTES_READ = 32 << 20;
const MAX_NAMES = 5000;

/** What would act on a terminal, end a line, or is no text, is for the user to type. */
const UNFIT = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;

/**
 * The names in an archive that complete the last word of a command line: drives, or paths of a tree up to the
 * next slash. An archive that takes long to look into has none.
 * @param words the command, and what is behind it; `=` may be a word of its own, as bash has it
 * @throws UsageError when no name in an archive goes there
 */
export async function completedNames(
  words: readonly string[],
  table: CommandTable,
): Promise<readonly string[]> {
  const { archive, wanted, start } = whatToComplete(words, table);
  try {
    const names = await namesIn(archive, wanted, start);
    return names.filter((name) => name.startsWith(start) && !UNFIT.test(name));
  } catch (error) {
    if (error instanceof UsageError) throw error;
    return []; // be it not there, no archive, damaged, or too large: whoever reads it will be told
  }
}

/** `drive=` is a drive in `--drive NAME=PATH`. */
type Wanted = 'member' | 'drive' | 'drive=';

interface Completion {
  readonly archive: string;
  readonly wanted: Wanted;
  /** What is written of the name. */
  readonly start: string;
}

function whatToComplete([name, ...words]: readonly string[], table: CommandTable): Completion {
  const command = table.commands.find((each) => each.name === name);
  if (command === undefined) throw new UsageError('there is no such command');
  const { values, pending } = taken(joinedAtEquals(words.slice(0, -1)), command, table);
  const [archive] = values;
  const wanted = pending === undefined ? memberArgument(command, values.length) : driveOf(pending);
  if (archive === undefined || wanted === undefined) {
    throw new UsageError('no name in an archive goes there');
  }
  return { archive, wanted, start: words.at(-1) ?? '' };
}

/** `a`, `=`, `b` → `a=b` */
function joinedAtEquals(words: readonly string[]): readonly string[] {
  return words.join('\0').replaceAll('\0=\0', '=').split('\0');
}

/** The arguments among words, and the option that waits for its value. */
function taken(words: readonly string[], command: Command, { commonOptions }: CommandTable) {
  const specs = new Map(allOptions(command, commonOptions).map((spec) => [longName(spec), spec]));
  const values: string[] = [];
  let pending: OptionSpec | undefined;
  for (const word of words) {
    const option = specs.get(word);
    if (pending !== undefined) pending = undefined;
    else if (option?.flags.includes('<')) pending = option;
    else if (word === '-' || /^[^-]/.test(word)) values.push(word);
  }
  return { values, pending };
}

function memberArgument({ arguments: specs }: Command, position: number): Wanted | undefined {
  return specs[Math.min(position, specs.length - 1)]?.values === 'member' ? 'member' : undefined;
}

function driveOf({ flags }: OptionSpec): Wanted | undefined {
  if (flags.endsWith('<drive>')) return 'drive';
  return flags.endsWith('<NAME=PATH>') ? 'drive=' : undefined;
}

async function namesIn(written: string, wanted: Wanted, start: string): Promise<readonly string[]> {
  const path = written.replace(/^~(?=\/)/, homedir());
  if (path === '-' || !(await stat(path)).isFile()) return [];
  const signal = AbortSignal.timeout(MAX_MILLISECONDS);
  const open = async () => readingLittle(await FileSource.open(path));
  const archive = await openArchive({ path, open }, { parts: true, signal });
  try {
    const { format } = archive;
    if (format.kind === 'tree') return wanted === 'member' ? await pathsIn(archive, start, signal) : [];
    const { devices } = await format.list(archive, { signal });
    return devices.map(({ name }) => (wanted === 'drive=' ? `${name}=` : name));
  } finally {
    await archive.close();
  }
}

/** What is in the directory that `start` begins with, directories with a slash behind. */
async function pathsIn(
  { format, ...archive }: OpenArchive,
  start: string,
  signal: AbortSignal,
): Promise<readonly string[]> {
  if (format.kind !== 'tree') return [];
  const prefix = /^(\.?\/)?/.exec(start)![0]; // as paths are written in front of a tar's members
  const directory = start.slice(prefix.length).replace(/\/?[^/]*$/, '');
  const names: string[] = [];
  for await (const { path, type } of openTree(format, archive, { signal }).list(directory)) {
    const name = `${prefix}${path}${type === 'directory' ? '/' : ''}`;
    if (name.startsWith(start)) names.push(name);
    if (names.length === MAX_NAMES) break;
  }
  return names;
}

/** Refuses to go on once much has been read. */
function readingLittle(file: ByteSource): ByteSource {
  let left = MAX_BYTES_READ;
  return {
    size: file.size,
    async read(buffer, offset) {
      left -= buffer.length;
      if (left < 0) throw new ArchiveError('COMPLETION_COST', 'it takes long to look into this archive');
      return file.read(buffer, offset);
    },
    changed: async () => (await file.changed?.()) ?? false,
    close: () => file.close(),
  };
}
