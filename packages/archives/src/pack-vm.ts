import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Writable } from 'node:stream';
import { type Codec, type CompressOptions, FrameStarts } from '@vzdump-format/codecs';
import { type ImageFormat, openDiskImage } from '@vzdump-format/disk';
import {
  type ByteSource,
  type OnWarning,
  RateLimiter,
  ThrottledSource,
  type WriteAt,
} from '@vzdump-format/streams';
import {
  type PackProgress,
  type PackVmaDrive,
  packVma,
  type VmaConfig,
  wholeSectors,
} from '@vzdump-format/vma';
import { writeOutput } from './output-file.js';

export interface DriveSpec {
  readonly name: string;
  /** An image or block device. */
  readonly path: string;
  readonly format?: ImageFormat | undefined;
}

export interface PackVmOptions {
  /** A path, which gets its name when all is written, or a stream, which is left open. */
  readonly output: string | Writable;
  /** Whether a file that exists is replaced. */
  readonly overwrite?: boolean;
  /** See `WriteOutputOptions`. */
  readonly partialPath?: string | undefined;
  /** See `WriteOutputOptions`. */
  readonly writeAt?: WriteAt | undefined;
  readonly codec: Codec;
  readonly compress?: CompressOptions;
  /** Paths; each is stored under its base name. */
  readonly configs: readonly string[];
  readonly drives: readonly DriveSpec[];
  readonly uuid?: string | undefined;
  /** Seconds since the epoch. */
  readonly ctime?: bigint | number | undefined;
  /** Bytes of the drives read per second; 0 = unlimited. */
  readonly bytesPerSecond?: number;
  readonly onProgress?: ((progress: PackProgress, total: number) => void) | undefined;
  readonly onWarning?: OnWarning | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface PackVmResult extends PackProgress {
  /** Bytes written. */
  readonly archiveBytes: number;
}

/** Packs a VM's disks and configs into a VMA archive: read, throttled, packed, compressed, written. */
export async function packVm(options: PackVmOptions): Promise<PackVmResult> {
  const { signal, onProgress } = options;
  const configs = await Promise.all(options.configs.map(readConfig));
  const drives: PackVmaDrive[] = [];
  try {
    const limiter = new RateLimiter(options.bytesPerSecond ?? 0);
    for (const { name, path, format } of options.drives) {
      const image = await openDiskImage(path, { format, signal });
      drives.push({ name, source: new ThrottledSource(image, limiter, signal) });
    }
    const total = drives.reduce((sum, { source }) => sum + wholeSectors(source.size), 0);
    const frameStarts = new FrameStarts();
    let progress: PackProgress = { bytes: 0, zeroBytes: 0 };
    onProgress?.(progress, total);
    const archive = packVma({
      ...{ configs, drives, uuid: options.uuid, ctime: options.ctime },
      ...{ reuseBuffers: true, onWarning: options.onWarning, signal },
      onFrameStart: (offset) => frameStarts.add(offset),
      onProgress: (latest) => {
        progress = latest;
        onProgress?.(latest, total);
      },
    });
    const compress = options.codec.compress({ ...options.compress, frameStarts, reuseBuffers: true, signal });
    const archiveBytes = await writeOutput(compress(archive), options.output, options);
    return { ...progress, archiveBytes };
  } finally {
    await closeAll(drives.map(({ source }) => source));
  }
}

async function readConfig(path: string): Promise<VmaConfig> {
  try {
    return { name: basename(path), data: await readFile(path) };
  } catch (error) {
    throw Object.assign(error as Error, { path }); // which the error of a directory lacks
  }
}

async function closeAll(sources: readonly ByteSource[]): Promise<void> {
  await Promise.allSettled(sources.map((source) => source.close()));
}
