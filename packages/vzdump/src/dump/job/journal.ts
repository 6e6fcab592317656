import { appendFileSync, fstatSync, ftruncateSync, readSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { basename, dirname, isAbsolute } from 'node:path';
import { bytesToPath, isThere, pathToBytes, printableName, removeTree } from '@vzdump-format/posix';
import {
  configValue,
  formatGuestConfig,
  type Guest,
  parseGuestConfig,
  readConfigFile,
  withoutKeys,
  writeConfigFile,
} from '@vzdump-format/pve';
import { ArchiveError, withFileName } from '@vzdump-format/streams';
import { howToUnlock } from '../../guest-access/host-program.js';
import { errorText, type JobLog } from '../log.js';

/** The value of `lock` in the configuration of a guest that is being backed up. */
export const BACKUP_LOCK = 'backup';

/** What a job has to put right in the end, and the next one if it was killed. */
export type JournalEntry =
  /** An archive that is being written. */
  | { readonly kind: 'unfinished'; readonly path: string }
  /** A directory for temporary files. */
  | { readonly kind: 'temporary'; readonly path: string }
  /** The configuration of a guest that is locked meanwhile. */
  | { readonly kind: 'locked'; readonly path: string };

/** More than any job writes, and what bounds the memory that a file can claim. */
const MAX_SIZE = 64 * 1024;

/** Names as a job gives them: whatever a file says, nothing else is touched. */
const NAMES: Readonly<Record<JournalEntry['kind'], RegExp>> = {
  unfinished: /\/vzdump-(?:qemu|lxc)-\d+-[\d_-]+(?:\.(?:vma|tar))?\.dat$/,
  temporary: /\/(?:vzdump-(?:qemu|lxc)-\d+-[\d_-]+\.tmp|vzdumptmp\d+_\d+)$/,
  locked: /\/(?:qemu-server|lxc)\/\d+\.conf$/,
};

/**
 * What stands in the file of the job's lock, a line of JSON each: the process that holds it, and what that
 * has to put right. vzdump itself writes nothing there, and ignores what it finds. Each line is written
 * before what it tells of is done. Methods that write throw `JOB_LOCK`.
 */
export class Journal {
  /** What is open of the guest at hand. */
  private open: readonly JournalEntry[] = [];
  /** What could not be put right, and is left for the next job to try. */
  private left: readonly JournalEntry[] = [];

  /** @param fd open for reading and appending */
  constructor(
    private readonly fd: number,
    private readonly path: string,
  ) {}

  /** What the job before has left; nothing when it ended well, or the file could be somebody else's. */
  leftovers(): readonly JournalEntry[] {
    const { uid, mode } = fstatSync(this.fd);
    if (uid !== process.geteuid?.() || (mode & 0o022) !== 0) return [];
    return this.lines().flatMap((line) => (isEntry(line) ? [line] : []));
  }

  /** The process that holds the lock. */
  pid(): number | undefined {
    for (const { pid } of this.lines()) {
      if (typeof pid === 'number' && Number.isSafeInteger(pid) && pid > 1) return pid;
    }
    return undefined;
  }

  /** This job takes over. @param left what could not be put right of the leftovers */
  begin(left: readonly JournalEntry[]): void {
    this.left = left;
    this.write([{ pid: process.pid }, ...left]);
  }

  /** To be called before what has to be put right is done. */
  add(entry: JournalEntry): void {
    this.open = [...this.open, entry];
    this.append([entry]);
  }

  /** A guest's turn is over. @param isRight whether all of it was put right */
  settle(isRight: boolean): void {
    const left = isRight ? this.left : [...this.left, ...this.open];
    this.open = [];
    this.begin(left);
  }

  /** This job is over. */
  end(): void {
    this.write(this.left);
  }

  private write(lines: readonly object[]): void {
    this.change(() => {
      ftruncateSync(this.fd);
      appendFileSync(this.fd, asText(lines));
    });
  }

  private append(lines: readonly object[]): void {
    this.change(() => appendFileSync(this.fd, asText(lines)));
  }

  private change(change: () => void): void {
    try {
      change();
    } catch (cause) {
      const message = `the file of the job's lock cannot be written - ${errorText(withFileName(cause, { path: this.path }))}`;
      throw new ArchiveError('JOB_LOCK', message, { cause });
    }
  }

  private lines(): readonly Readonly<Record<string, unknown>>[] {
    const buffer = Buffer.alloc(MAX_SIZE);
    const bytesRead = readSync(this.fd, buffer, 0, MAX_SIZE, 0);
    return buffer
      .toString('utf8', 0, bytesRead)
      .split('\n')
      .flatMap((line) => parsed(line));
  }
}

function asText(lines: readonly object[]): string {
  return lines.map((line) => `${JSON.stringify(line)}\n`).join('');
}

/** The last line of a process that was killed need not be whole. */
function parsed(line: string): readonly Readonly<Record<string, unknown>>[] {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? [value as Record<string, unknown>] : [];
  } catch {
    return [];
  }
}

function isEntry(line: Readonly<Record<string, unknown>>): line is JournalEntry {
  const { kind, path } = line;
  if (typeof kind !== 'string' || typeof path !== 'string' || !Object.hasOwn(NAMES, kind)) return false;
  return isAbsolute(path) && NAMES[kind as JournalEntry['kind']].test(path);
}

/**
 * Puts right what a job that was killed has left, and begins the journal of this one. A failure is a
 * warning.
 */
export async function clearLeftovers(journal: Journal, log: JobLog): Promise<void> {
  const left: JournalEntry[] = [];
  for (const entry of journal.leftovers()) {
    try {
      if (await clear(entry, log)) log.info(`cleared what a backup that was killed has left: ${told(entry)}`);
    } catch (error) {
      left.push(entry);
      log.warn(
        `unable to clear what a backup that was killed has left: ${told(entry)} - ${errorText(error)}`,
      );
      if (entry.kind === 'locked') {
        log.info(`hint: unlock it: ${howToUnlock(guestOf(entry.path), BACKUP_LOCK)}`);
      }
    }
  }
  journal.begin(left);
}

function told({ kind, path }: JournalEntry): string {
  return kind === 'locked' ? `lock in '${printableName(path)}'` : `'${printableName(path)}'`;
}

/** @returns whether there was anything to do */
async function clear({ kind, path }: JournalEntry, log: JobLog): Promise<boolean> {
  if (!(await isThere(path))) return false;
  if (kind === 'locked') return unlockConfig(path, log);
  if (kind === 'temporary') await removeTree(path);
  else await rm(path, { force: true });
  return true;
}

/** @param configPath as in the journal: `/etc/pve/lxc/101.conf` */
function guestOf(configPath: string): Guest {
  const vmid = Number(basename(configPath, '.conf'));
  return { vmid, type: basename(dirname(configPath)) === 'lxc' ? 'lxc' : 'qemu', configPath };
}

async function unlockConfig(path: string, { onWarning }: JobLog): Promise<boolean> {
  const { type } = guestOf(path);
  const config = parseGuestConfig(bytesToPath(await readConfigFile(path)), type);
  if (configValue(config, 'lock') !== BACKUP_LOCK) return false;
  const unlocked = withoutKeys(config, (key) => key === 'lock');
  await writeConfigFile(path, pathToBytes(formatGuestConfig(unlocked)), {
    overwrite: true,
    onWarning,
  });
  return true;
}
