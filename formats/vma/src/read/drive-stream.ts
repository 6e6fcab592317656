import { type FileHandle, mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Items, nameFile, runStage, writeFully } from '@vzdump-format/streams';
import type { VmaDevice } from '../format.js';
import { findDevice } from '../names.js';
import { type UnpackVmaOptions, unpackVma, type VmaRecord } from './unpack.js';

/** Zeros, and what was set aside, are yielded in chunks of at most this size. */
const CHUNK_SIZE = 1 << 20;
const ZEROS = Buffer.alloc(CHUNK_SIZE);

type Run = Exclude<VmaRecord, { kind: 'header' }>;

/**
 * The content of one drive (by name or id) from its first byte to its last, from an archive that can only be
 * read once. What comes too early, in an archive that is out of order, is set aside in a temporary file. Ends
 * without an error only if the whole archive is right.
 *
 * @throws as `unpackVma`, and `VMA_NO_SUCH_DEVICE`
 */
export function streamDrive(
  archive: Items<Uint8Array>,
  name: string,
  options: UnpackVmaOptions = {},
): AsyncGenerator<Uint8Array> {
  return runStage(archive, (source) => readDrive(source, name, options), options.signal);
}

async function* readDrive(
  archive: AsyncIterable<Uint8Array>,
  name: string,
  options: UnpackVmaOptions,
): AsyncGenerator<Uint8Array> {
  const early = new EarlyRuns();
  let device: VmaDevice | undefined;
  let position = 0;
  try {
    for await (const record of unpackVma(archive, options)) {
      if (record.kind === 'header') {
        device = findDevice(record.header, name);
      } else if (record.device === device) {
        if (record.offset !== position) {
          await early.setAside(record);
          continue;
        }
        yield* record.kind === 'data' ? [record.data] : zeros(record.length);
        position += record.kind === 'data' ? record.data.length : record.length;
        for (let run = early.take(position); run !== undefined; run = early.take(position)) {
          yield* run.stored ? early.read(position, run.length) : zeros(run.length);
          position += run.length;
        }
      }
    }
  } finally {
    await early.close();
  }
}

function* zeros(length: number): Generator<Uint8Array> {
  for (let left = length; left > 0; left -= CHUNK_SIZE) yield ZEROS.subarray(0, Math.min(left, CHUNK_SIZE));
}

/** Runs whose turn has not come: their data is in a sparse temporary file, at its offset in the drive. */
class EarlyRuns {
  private readonly runs = new Map<number, { stored: boolean; length: number }>();
  private file: FileHandle | undefined;

  async setAside(run: Run): Promise<void> {
    const stored = run.kind === 'data';
    this.runs.set(run.offset, { stored, length: stored ? run.data.length : run.length });
    if (!stored) return;
    this.file ??= await openTemporaryFile();
    await writeFully(this.file, run.data, run.offset);
  }

  take(offset: number): { stored: boolean; length: number } | undefined {
    const run = this.runs.get(offset);
    this.runs.delete(offset);
    return run;
  }

  async *read(offset: number, length: number): AsyncGenerator<Uint8Array> {
    for (let done = 0; done < length; ) {
      const buffer = Buffer.allocUnsafe(Math.min(CHUNK_SIZE, length - done));
      const { bytesRead } = await this.file!.read(buffer, 0, buffer.length, offset + done);
      yield buffer.subarray(0, bytesRead);
      done += bytesRead;
    }
  }

  async close(): Promise<void> {
    await this.file?.close();
  }
}

/** Has no name any more: it is gone when it is closed, however that comes about. */
async function openTemporaryFile(): Promise<FileHandle> {
  const directory = await mkdtemp(join(tmpdir(), 'vzdump-format-'));
  try {
    const path = join(directory, 'early');
    return nameFile(await open(path, 'wx+', 0o600), { path });
  } finally {
    await rm(directory, { recursive: true });
  }
}
