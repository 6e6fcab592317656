import type { Codec, CompressOptions } from '@vzdump-format/codecs';
import {
  Boundaries,
  type ByteSource,
  debugLog,
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
import { type ArchiveOutput, writeOutput } from './output-file.js';

/** A drive to be packed. */
export interface DriveSpec {
  readonly name: string;
  /** Called once, when its turn has come; what it gives is closed by who has called it. */
  open(): Promise<ByteSource>;
}

export interface PackVmOptions {
  readonly output: ArchiveOutput;
  /** Whether a file that exists is replaced. */
  readonly overwrite?: boolean;
  /** See `WriteOutputOptions`. */
  readonly writeAt?: WriteAt | undefined;
  readonly codec: Codec;
  readonly compress?: CompressOptions;
  readonly configs: readonly VmaConfig[];
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
  const { signal, onProgress, configs } = options;
  debugLog(
    'packing %s, codec %s, level %s',
    'vma',
    options.codec.name,
    options.compress?.level ?? "the codec's own",
  );
  const drives: PackVmaDrive[] = [];
  try {
    const limiter = new RateLimiter(options.bytesPerSecond ?? 0);
    for (const drive of options.drives) {
      const source = new ThrottledSource(await drive.open(), limiter, signal);
      drives.push({ name: drive.name, source });
    }
    const total = drives.reduce((sum, { source }) => sum + wholeSectors(source.size), 0);
    const boundaries = new Boundaries();
    let progress: PackProgress = { bytes: 0, zeroBytes: 0 };
    onProgress?.(progress, total);
    const archive = packVma({
      ...{ configs, drives, uuid: options.uuid, ctime: options.ctime },
      ...{ onWarning: options.onWarning, signal },
      onBoundary: (offset) => boundaries.add(offset),
      onProgress: (latest) => {
        progress = latest;
        onProgress?.(latest, total);
      },
    });
    const compress = options.codec.compress({ ...options.compress, boundaries, signal });
    const archiveBytes = await writeOutput(compress(archive), options.output, options);
    return { ...progress, archiveBytes };
  } finally {
    await closeAll(drives.map(({ source }) => source));
  }
}

async function closeAll(sources: readonly ByteSource[]): Promise<void> {
  await Promise.allSettled(sources.map((source) => source.close()));
}
