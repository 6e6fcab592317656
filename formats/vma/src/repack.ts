import type { Duplex } from 'node:stream';
import { ArchiveError, toDuplex } from '@vzdump-format/streams';
import { ClusterMap } from './cluster-map.js';
import {
  BLOCK_SIZE,
  CLUSTER_SIZE,
  CLUSTERS_PER_WRITTEN_EXTENT,
  EXTENT_HEADER_SIZE,
  encodeExtentHeader,
  parseUuid,
  type VmaHeader,
} from './format.js';
import { encodeHeader } from './header.js';
import type { VmaRecord } from './unpack.js';

/**
 * Makes an archive of records as `unpackVma` yields them, in their order: put a stage between the two to change a
 * config or leave a drive out without unpacking. Blocks that come as data are stored even if they are zeros.
 *
 * @throws `VMA_RECORD_ORDER` when the header does not come first or a cluster comes in several parts with others
 * between; `VMA_MISSING_CLUSTERS`, `VMA_DUPLICATE_CLUSTER`, … when the records do not cover every device exactly once
 */
export async function* repackVma(records: AsyncIterable<VmaRecord>): AsyncGenerator<Uint8Array> {
  let extents: ExtentCollector | undefined;
  for await (const record of records) {
    if ((record.kind === 'header') !== (extents === undefined)) {
      throw new ArchiveError('VMA_RECORD_ORDER', 'one header must come first, then the content');
    }
    if (record.kind === 'header') {
      yield encodeHeader(record.header);
      extents = new ExtentCollector(record.header);
    } else {
      yield* extents!.add(record);
    }
  }
  if (extents === undefined) throw new ArchiveError('VMA_RECORD_ORDER', 'there is no header');
  yield extents.finish();
}

/** The same as a Duplex: records in, bytes out. */
export function createRepackVma(): Duplex {
  return toDuplex(repackVma);
}

/** Collects clusters until an extent is full. */
class ExtentCollector {
  private readonly uuid: Buffer;
  private readonly clusters: ClusterMap;
  private blockInfos: { deviceId: number; cluster: number; mask: number }[] = [];
  private buffer = newExtent();
  private size = EXTENT_HEADER_SIZE;
  private written = 0;

  constructor(header: VmaHeader) {
    this.uuid = parseUuid(header.uuid);
    this.clusters = new ClusterMap(header.devices);
  }

  *add(run: Exclude<VmaRecord, { kind: 'header' }>): Generator<Uint8Array> {
    const length = run.kind === 'data' ? run.data.length : run.length;
    for (let done = 0; done < length; done += BLOCK_SIZE) {
      const offset = run.offset + done;
      const cluster = Math.floor(offset / CLUSTER_SIZE);
      const last = this.blockInfos.at(-1);
      if (last?.deviceId !== run.device.id || last.cluster !== cluster) {
        if (this.blockInfos.length === CLUSTERS_PER_WRITTEN_EXTENT) yield this.takeExtent();
        const info = { deviceId: run.device.id, cluster, mask: 0 };
        this.clusters.add(info, this.written);
        this.blockInfos.push(info);
      }
      if (run.kind === 'data') {
        const block = run.data.subarray(done, done + BLOCK_SIZE);
        this.buffer.set(block, this.size);
        this.buffer.fill(0, this.size + block.length, this.size + BLOCK_SIZE);
        this.size += BLOCK_SIZE;
        this.blockInfos.at(-1)!.mask |= 1 << ((offset % CLUSTER_SIZE) / BLOCK_SIZE);
      }
    }
  }

  /** The last extent; there is always one. @throws `VMA_MISSING_CLUSTERS` */
  finish(): Uint8Array {
    const [missing] = this.clusters.missing(this.written + this.size);
    if (missing !== undefined) throw missing;
    return this.takeExtent();
  }

  private takeExtent(): Uint8Array {
    encodeExtentHeader(this.buffer, this.uuid, this.blockInfos);
    const extent = this.buffer.subarray(0, this.size);
    this.written += this.size;
    this.buffer = newExtent();
    this.size = EXTENT_HEADER_SIZE;
    this.blockInfos = [];
    return extent;
  }
}

function newExtent(): Buffer {
  return Buffer.allocUnsafe(EXTENT_HEADER_SIZE + CLUSTERS_PER_WRITTEN_EXTENT * CLUSTER_SIZE);
}
