import { stat } from 'node:fs/promises';
import type { Writable } from 'node:stream';
import { makeDirectories, printableName } from '@vzdump-format/posix';
import { contentDirectory, requireBackupStorage } from '@vzdump-format/pve';
import { DirectoryStore } from '@vzdump-format/stores';
import { ArchiveError, debugLog } from '@vzdump-format/streams';
import type { DumpTarget } from './dump-job.js';
import type { DumpPlan } from './dump-plan.js';

/**
 * Where the job's archives go. A storage has to be there; its directory for backups is made.
 * @throws `STORAGE_UNKNOWN` and the like, `DUMP_DIRECTORY`
 */
export async function openTarget(plan: DumpPlan, output: Writable | undefined): Promise<DumpTarget> {
  const { root, storages, options } = plan;
  const { storage: id, dumpdir } = options;
  if (id === undefined) {
    if (dumpdir !== undefined) await requireDirectory(dumpdir, 'dumpdir', 'give one that is there');
    debugLog('backups go to %s', dumpdir ?? 'standard output');
    const store = dumpdir === undefined ? undefined : new DirectoryStore(dumpdir);
    return { storage: undefined, directory: dumpdir, store, output };
  }
  const storage = requireBackupStorage(storages, id, root.node);
  await requireDirectory(storage.path, `the path of storage '${id}'`, 'is it mounted?');
  const directory = contentDirectory(storage, 'backup');
  debugLog('backups go to %s, of the storage %s', directory, id);
  makeDirectories(directory);
  return { storage, directory, store: new DirectoryStore(directory), output };
}

async function requireDirectory(path: string, what: string, hint: string): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (found?.isDirectory()) return;
  const state = found === undefined ? 'does not exist' : 'is not a directory';
  throw new ArchiveError('DUMP_DIRECTORY', `${what} '${printableName(path)}' ${state}`, {
    entry: path,
    hint,
  });
}
