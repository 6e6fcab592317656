import { type Codec, type CodecName, type CompressOptions, codec } from '@vzdump-format/codecs';
import {
  Boundaries,
  type ByteSource,
  debugLog,
  type OnProgress,
  type OnWarning,
  RateLimiter,
  ThrottledSource,
  type WriteAt,
} from '@vzdump-format/streams';
import { type PackVmaDrive, type PackVmaOptions, packVma, type VmaConfig } from '@vzdump-format/vma';
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
  readonly codec: Codec | CodecName;
  readonly compress?: CompressOptions;
  readonly configs: readonly VmaConfig[];
  readonly drives: readonly DriveSpec[];
  readonly uuid?: string | undefined;
  /** Seconds since the epoch. */
  readonly ctime?: bigint | number | undefined;
  /** Bytes of the drives read per second; 0 = unlimited. */
  readonly bytesPerSecond?: number;
  readonly onProgress?: OnProgress | undefined;
  /** See `PackVmaOptions`. */
  readonly onZeros?: PackVmaOptions['onZeros'];
  readonly onWarning?: OnWarning | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface PackVmResult {
  /** Of all drives, holes included. */
  readonly bytes: number;
  /** How many of them are zeros that were not stored. */
  readonly zeroBytes: number;
  /** Bytes written. */
  readonly archiveBytes: number;
}

/** Packs a VM's disks and configs into a VMA archive: read, throttled, packed, compressed, written. */
export async function packVm(options: PackVmOptions): Promise<PackVmResult> {
  const { signal, configs } = options;
  const by = codec(options.codec);
  debugLog('packing %s, codec %s, level %s', 'vma', by.name, options.compress?.level ?? "the codec's own");
  const drives: PackVmaDrive[] = [];
  try {
    const limiter = new RateLimiter(options.bytesPerSecond ?? 0);
    for (const drive of options.drives) {
      const source = new ThrottledSource(await drive.open(), limiter, signal);
      drives.push({ name: drive.name, source });
    }
    const boundaries = new Boundaries();
    let bytes = 0;
    let zeroBytes = 0;
    const archive = packVma({
      ...{ configs, drives, uuid: options.uuid, ctime: options.ctime },
      ...{ onWarning: options.onWarning, signal },
      onBoundary: (offset) => boundaries.add(offset),
      onZeros: (zeros) => {
        zeroBytes = zeros;
        options.onZeros?.(zeros);
      },
      onProgress: (done, total) => {
        bytes = done;
        options.onProgress?.(done, total);
      },
    });
    const compress = by.compress({ ...options.compress, boundaries, signal });
    const archiveBytes = await writeOutput(compress(archive), options.output, options);
    return { bytes, zeroBytes, archiveBytes };
  } finally {
    await closeAll(drives.map(({ source }) => source));
  }
}

async function closeAll(sources: readonly ByteSource[]): Promise<void> {
  await Promise.allSettled(sources.map((source) => source.close()));
}
