import type Binding from 'zstd-napi/binding.js';
import type { CCtx, CParameter, DCtx } from 'zstd-napi/binding.js';
import type { SharedMemory } from '../shared-memory.js';
import type { FramePiece, StreamResult, StreamSettings } from './engine.js';

export interface CompressJob {
  readonly kind: 'compress';
  readonly input: SharedMemory;
  readonly length: number;
  readonly output: SharedMemory;
  readonly level: number;
}

export interface WriteJob {
  readonly kind: 'write';
  readonly input: SharedMemory;
  readonly start: number;
  readonly length: number;
  readonly end: boolean;
  readonly output: SharedMemory;
  readonly settings: StreamSettings;
}

export interface DecompressJob extends Omit<FramePiece, 'buffer'> {
  readonly kind: 'decompress';
  readonly input: SharedMemory;
  readonly maxWindowLog: number;
}

export type NapiJob = CompressJob | WriteJob | DecompressJob;
export type NapiResult = Omit<StreamResult, 'output'>;

/** ZSTD_c_blockSplitterLevel of zstd 1.5.7, which the binding has no name for. */
const BLOCK_SPLITTER_LEVEL = 1017 as CParameter;
const NO_SPLITTING = 1;
/** Up to here, looking for places to split blocks at takes 6 to 10 % of the time, for less than 1 % of the size. */
const LAST_FAST_LEVEL = 4;

/** The jobs that zstd-napi does, in a worker or right here. Keeps one context of each kind. */
export class NapiJobs {
  private frameContext: CCtx | undefined;
  private streamContext: CCtx | undefined;
  private decoder: DCtx | undefined;

  constructor(private readonly binding: typeof Binding) {}

  run(job: NapiJob): NapiResult {
    switch (job.kind) {
      case 'compress':
        return this.compress(job);
      case 'write':
        return this.write(job);
      case 'decompress':
        return this.decompress(job);
    }
  }

  private compress({ input, length, output, level }: CompressJob): NapiResult {
    this.frameContext ??= this.newContext(level);
    this.frameContext.setParameter(this.binding.CParameter.compressionLevel, level);
    const written = this.frameContext.compress2(output, input.subarray(0, length));
    return { used: length, length: written, done: true };
  }

  private write({ input, start, length, end, output, settings }: WriteJob): NapiResult {
    const { EndDirective } = this.binding;
    this.streamContext ??= this.newStreamContext(settings);
    let used = start;
    let written = 0;
    let left = 1;
    // The library may take a bite and come back; what matters is that the input is used or the output full.
    while (written < output.length && (used < length || (end && left > 0))) {
      const [remaining, produced, consumed] = this.streamContext.compressStream2(
        output.subarray(written),
        input.subarray(used, length),
        end ? EndDirective.end : EndDirective.continue,
      );
      used += consumed;
      written += produced;
      left = remaining;
    }
    return { used, length: written, done: end && left === 0 };
  }

  private decompress({ input, length, output, first, last, maxWindowLog }: DecompressJob): NapiResult {
    const { DCtx, DParameter, ResetDirective } = this.binding;
    this.decoder ??= new DCtx();
    if (first) {
      this.decoder.reset(ResetDirective.sessionOnly);
      this.decoder.setParameter(DParameter.windowLogMax, maxWindowLog);
    }
    let used = 0;
    let written = 0;
    let done = false;
    for (let progress = true; !done && progress; ) {
      const [hint, produced, consumed] = this.decoder.decompressStream(
        output.subarray(written),
        input.subarray(used, length),
      );
      used += consumed;
      written += produced;
      done = hint === 0;
      progress = produced > 0 || (consumed > 0 && used < length);
    }
    if (used < length) throw new Error('there is more data than the header says');
    if (done !== last) throw new Error(last ? 'the frame ends too early' : 'the frame does not end');
    return { used, length: written, done };
  }

  private newContext(level: number): CCtx {
    const context = new this.binding.CCtx();
    context.setParameter(this.binding.CParameter.compressionLevel, level);
    context.setParameter(this.binding.CParameter.checksumFlag, 1);
    if (level <= LAST_FAST_LEVEL) context.setParameter(BLOCK_SPLITTER_LEVEL, NO_SPLITTING);
    return context;
  }

  private newStreamContext({ level, threads, windowLog }: StreamSettings): CCtx {
    const { CParameter } = this.binding;
    const context = this.newContext(level);
    if (threads > 1) context.setParameter(CParameter.nbWorkers, threads);
    if (windowLog !== undefined) {
      context.setParameter(CParameter.windowLog, windowLog);
      context.setParameter(CParameter.enableLongDistanceMatching, 1);
    }
    return context;
  }
}
