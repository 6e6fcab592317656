import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bytesToPath } from '@vzdump-format/posix';
import { type ArchiveWarning, readFully } from '@vzdump-format/streams';
import { scratch } from '@vzdump-format/testing';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type {
  Backup,
  BackupFilter,
  BackupStore,
  BackupWriter,
  NewBackupOptions,
  StoredBackup,
} from '../backup-store.js';

/** A morning in autumn, so many seconds past two. */
function at(second: number): Date {
  return new Date(Date.UTC(2026, 10, 20, 2, 0, second));
}

const VM = { type: 'qemu', vmid: 100 } as const;
const CONTAINER = { type: 'lxc', vmid: 101 } as const;

/**
 * What every store of backups promises.
 * @param makeStore gives one for the test that runs, with nothing in it
 * @param makeIndex where backups are files that can have one: makes it, and tells its path
 */
export function backupStoreContract(
  name: string,
  makeStore: () => Promise<BackupStore>,
  makeIndex?: (backup: StoredBackup) => Promise<string>,
): void {
  describe(`${name} is a store of backups:`, () => {
    test('a backup is listed once it is committed, and read as it was written', async () => {
      const store = await makeStore();
      expect(await list(store)).toEqual([]);
      const writer = await store.begin({ ...VM, start: at(7) });
      expect(await list(store)).toEqual([]);
      const sizes: number[] = [];
      for (const stream of writer.streams) sizes.push(await writer.write(stream, chunks(contentOf(stream))));
      expect(sizes).toEqual(writer.streams.map((stream) => contentOf(stream).length));
      expect(await list(store)).toEqual([]);
      await writer.commit();
      expect(await list(store)).toEqual([
        expect.objectContaining({
          ...{ id: writer.id, path: writer.path, vmid: 100, ctime: at(7).getTime() / 1000 },
          ...{ name: expect.objectContaining({ type: 'qemu' }), notes: undefined, isProtected: false },
        }),
      ]);
      expect((await list(store))[0]!.size).toBeGreaterThan(0);
      expect(store.guestOf(writer.id)).toEqual(VM);
      const backup = await store.open(writer.id);
      expect([backup.path, backup.streams]).toEqual([writer.path, writer.streams]);
      for (const stream of backup.streams) {
        const source = await backup.source(stream);
        const bytes = Buffer.alloc(source.size);
        await readFully(source, bytes, 0);
        await source.close();
        expect(bytes.toString()).toBe(contentOf(stream).toString());
      }
    });

    test('of one that is aborted there is nothing, however far it came', async () => {
      const store = await makeStore();
      await (await store.begin(VM)).abort();
      const whole = await written(store, VM);
      await whole.abort();
      await whole.abort();
      const halfWay = await store.begin({ ...VM, start: at(1) });
      const failing = halfWay.write(halfWay.streams[0]!, endingIn(new Error('enough')));
      await expect(failing).rejects.toThrow('enough');
      await halfWay.abort();
      expect(await list(store)).toEqual([]);
      for (const { id } of [whole, halfWay]) await expect(store.open(id)).rejects.toThrow();
    });

    test('one that is committed is past aborting', async () => {
      const store = await makeStore();
      const writer = await written(store, VM);
      await writer.commit();
      await writer.abort();
      expect(idsOf(await list(store))).toEqual([writer.id]);
    });

    test('streams that it does not have are neither written nor read', async () => {
      const store = await makeStore();
      const writer = await written(store, VM);
      await expect(writer.write('no such stream', chunks(Buffer.of(1)))).rejects.toThrow(RangeError);
      await writer.commit();
      const backup = await store.open(writer.id);
      await expect(backup.source('no such stream')).rejects.toThrow(RangeError);
    });

    test('two of a guest never share a second', async () => {
      const store = await makeStore();
      const ids = [await added(store, VM, 1), await added(store, VM, 1), await added(store, VM, 2)];
      const backups = await list(store);
      expect(idsOf(backups)).toEqual(ids);
      expect(backups.map(({ ctime }) => ctime - at(0).getTime() / 1000)).toEqual([1, 2, 3]);
      const signal = AbortSignal.abort();
      const start = new Date(Date.now() + 3_600_000);
      const ahead = await written(store, { ...VM, start });
      await ahead.commit();
      await expect(store.begin({ ...VM, start, signal })).rejects.toMatchObject({ name: 'AbortError' });
    });

    test('by guest, each from the oldest on; those of some guests alone', async () => {
      const store = await makeStore();
      const container = await added(store, CONTAINER, 1);
      const [late, early] = [await added(store, VM, 30), await added(store, VM, 20)];
      const twin = await added(store, { type: 'lxc', vmid: 100 }, 40);
      const other = await added(store, { type: 'qemu', vmid: 9000 }, 0);
      expect(idsOf(await list(store))).toEqual([twin, early, late, container, other]);
      expect(idsOf(await list(store, VM))).toEqual([early, late]);
      expect(idsOf(await list(store, { type: 'lxc' }))).toEqual([twin, container]);
      expect(idsOf(await list(store, { vmid: 9000 }))).toEqual([other]);
      expect(await list(store, { vmid: 900 })).toEqual([]);
    });

    test('a signal ends a listing', async () => {
      const store = await makeStore();
      await added(store, VM, 1);
      const signal = AbortSignal.abort(new Error('enough'));
      await expect(store.list({ signal, onWarning: unexpected })).rejects.toThrow('enough');
    });

    test('what is removed is gone with its notes and its log, and the others stay', async () => {
      const store = await makeStore();
      const [first, second] = [await added(store, VM, 1), await added(store, VM, 2)];
      await store.setNotes(first, 'old');
      await store.remove(first, unexpected);
      await store.remove(first, unexpected);
      expect(idsOf(await list(store))).toEqual([second]);
      await expect(store.open(first)).rejects.toThrow();
      expect(await added(store, VM, 1)).toBe(first);
      expect(await notesOf(store, first)).toBe('');
    });

    if (makeIndex !== undefined) {
      test('an index of a backup is no backup, and goes with it', async () => {
        const store = await makeStore();
        const [first, second] = [await added(store, VM, 1), await added(store, VM, 2)];
        const indexes: string[] = [];
        for (const id of [first, second]) indexes.push(await makeIndex(await store.open(id)));
        expect(idsOf(await list(store))).toEqual([first, second]);
        await store.remove(first, unexpected);
        await store.removeOrphans(unexpected);
        expect(indexes.map((path) => existsSync(path))).toEqual([false, true]);
      });
    }

    test('one that is protected is not removed before it is so no longer', async () => {
      const store = await makeStore();
      const id = await added(store, VM, 1);
      expect(await store.isProtected(id)).toBe(false);
      for (const protect of [true, true]) await store.setProtected(id, protect);
      expect([await store.isProtected(id), (await list(store))[0]!.isProtected]).toEqual([true, true]);
      await expect(store.remove(id, unexpected)).rejects.toMatchObject({ code: 'BACKUP_PROTECTED' });
      expect(idsOf(await list(store))).toEqual([id]);
      for (const protect of [false, false]) await store.setProtected(id, protect);
      expect([await store.isProtected(id), (await list(store))[0]!.isProtected]).toEqual([false, false]);
      await store.remove(id, unexpected);
      expect(await list(store)).toEqual([]);
    });

    test('notes come back as they were given; a listing has their first line', async () => {
      const store = await makeStore();
      const id = await added(store, VM, 1);
      expect(await notesOf(store, id)).toBe('');
      await fc.assert(
        fc.asyncProperty(fc.string({ unit: 'binary' }), async (text) => {
          await store.setNotes(id, text);
          expect(await notesOf(store, id)).toBe(text);
        }),
        { numRuns: 20 },
      );
      await store.setNotes(id, 'web server\nbefore the upgrade\n');
      expect((await list(store))[0]!.notes).toBe('web server');
      await store.setNotes(id, '');
      expect((await list(store))[0]!.notes).toBeUndefined();
    });

    test('notes have an end', async () => {
      const store = await makeStore();
      const id = await added(store, VM, 1);
      await store.setNotes(id, 'a'.repeat(1 << 20));
      const tooLong = store.setNotes(id, 'é'.repeat((1 << 19) + 1));
      await expect(tooLong).rejects.toMatchObject({ code: 'NOTES_SIZE' });
      expect(await notesOf(store, id)).toHaveLength(1 << 20);
    });

    test('what is not there has neither notes nor protection, and is not read', async () => {
      const store = await makeStore();
      const id = await added(store, VM, 1);
      await store.remove(id, unexpected);
      await expect(store.open(id)).rejects.toThrow();
      await expect(store.readNotes(id)).rejects.toThrow();
      await expect(store.setNotes(id, 'a')).rejects.toThrow();
      await expect(store.isProtected(id)).rejects.toThrow();
      await expect(store.setProtected(id, true)).rejects.toThrow();
    });

    test.each(['../elsewhere.vma', '/etc/passwd', 'no backup'])('%s is the id of none', async (id) => {
      const store = await makeStore();
      await expect(store.remove(id, unexpected)).rejects.toMatchObject({ code: 'BACKUP_NAME' });
      await expect(store.setNotes(id, 'a')).rejects.toMatchObject({ code: 'BACKUP_NAME' });
      await expect(store.setProtected(id, true)).rejects.toMatchObject({ code: 'BACKUP_NAME' });
      expect(store.guestOf(id)).toBeUndefined();
    });

    test('a log is kept whether the backup came to be or not, and lists nothing', async () => {
      const store = await makeStore();
      const log = join(await scratch(), 'log');
      await writeFile(log, 'INFO: all of it\n');
      const [finished, aborted] = [await written(store, VM), await written(store, CONTAINER)];
      await finished.commit();
      await aborted.abort();
      for (const writer of [finished, aborted]) await writer.keepLog(log);
      expect(idsOf(await list(store))).toEqual([finished.id]);
    });
  });
}

function unexpected(warning: ArchiveWarning): never {
  throw new Error(warning.message);
}

function list(store: BackupStore, filter: BackupFilter = {}): Promise<Backup[]> {
  return store.list({ ...filter, onWarning: unexpected });
}

function idsOf(backups: readonly Backup[]): string[] {
  return backups.map(({ id }) => id);
}

async function notesOf(store: BackupStore, id: string): Promise<string> {
  return bytesToPath(await store.readNotes(id));
}

/** All of a backup but its commit. */
async function written(store: BackupStore, options: NewBackupOptions): Promise<BackupWriter> {
  const writer = await store.begin(options);
  for (const stream of writer.streams) await writer.write(stream, chunks(contentOf(stream)));
  return writer;
}

async function added(
  store: BackupStore,
  guest: Pick<NewBackupOptions, 'type' | 'vmid'>,
  second: number,
): Promise<string> {
  const writer = await written(store, { ...guest, start: at(second) });
  await writer.commit();
  return writer.id;
}

function contentOf(stream: string): Buffer {
  return Buffer.from(`the content of ${stream}`.repeat(1000));
}

async function* chunks(bytes: Buffer): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += 4097) yield bytes.subarray(start, start + 4097);
}

async function* endingIn(error: Error): AsyncGenerator<Uint8Array> {
  yield Buffer.from('the beginning');
  throw error;
}
