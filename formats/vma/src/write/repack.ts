import type { Duplex } from 'node:stream';
import type { TransformStream } from 'node:stream/web';
import { printableName } from '@vzdump-format/posix';
import {
  ArchiveError,
  type Items,
  runStage,
  toPackingDuplex,
  toTransformStream,
} from '@vzdump-format/streams';
import { ClusterMap, newExtentBuffer } from '../extents.js';
import {
  BLOCK_SIZE,
  CLUSTER_SIZE,
  CLUSTERS_PER_WRITTEN_EXTENT,
  EXTENT_HEADER_SIZE,
  encodeExtentHeader,
  parseUuid,
  type VmaDevice,
  type VmaHeader,
} from '../format.js';
import { encodeHeader } from '../header.js';
import type { VmaRecord } from '../read/unpack.js';

type Content = Exclude<VmaRecord, { kind: 'header' }>;

/**
 * Makes an archive of records as `unpackVma` yields them, in their order: put a stage between the two to
 * change a config or leave a drive out without unpacking. Blocks that come as data are stored even if they
 * are zeros.
 *
 * @throws `VMA_RECORD_ORDER` when the header does not come first, or a cluster not in one piece, from its
 * first block to its last; `VMA_MISSING_CLUSTERS`, `VMA_DUPLICATE_CLUSTER`, … when the records do not cover
 * every device exactly once
 */
export function repackVma(records: Items<VmaRecord>): AsyncGenerator<Uint8Array> {
  return runStage(records, packRecords);
}

/** The same as a Duplex: records in, bytes out. */
export function createRepackVma(): Duplex {
  return toPackingDuplex(repackVma);
}

/** As `createRepackVma`, for web streams. */
export function webRepackVma(): TransformStream<VmaRecord, Uint8Array> {
  return toTransformStream(repackVma);
}

async function* packRecords(records: AsyncIterable<VmaRecord>): AsyncGenerator<Uint8Array> {
  let extents: ExtentCollector | undefined;
  for await (const record of records) {
    if ((record.kind === 'header') !== (extents === undefined)) {
      throw new ArchiveError('VMA_RECORD_ORDER', 'one header must come first, then the content');
    }
    if (record.kind === 'header') {
      const header = encodeHeader(record.header);
      extents = new ExtentCollector(record.header, header.length);
      yield header;
    } else {
      yield* extents!.add(record);
    }
  }
  if (extents === undefined) throw new ArchiveError('VMA_RECORD_ORDER', 'there is no header');
  yield extents.finish();
}

/** Collects clusters until an extent is full. */
class ExtentCollector {
  private readonly uuid: Buffer;
  private readonly clusters: ClusterMap;
  private readonly devices: ReadonlyMap<number, VmaDevice>;
  private blockInfos: { deviceId: number; cluster: number; mask: number }[] = [];
  private readonly buffer = newExtentBuffer();
  private size = EXTENT_HEADER_SIZE;
  /** Where the last run ended. */
  private last: { readonly device: VmaDevice; readonly end: number } | undefined;

  /** @param written bytes of the archive so far */
  constructor(
    header: VmaHeader,
    private written: number,
  ) {
    this.uuid = parseUuid(header.uuid);
    this.clusters = new ClusterMap(header.devices);
    this.devices = new Map(header.devices.map((device) => [device.id, device]));
  }

  *add(run: Content): Generator<Uint8Array> {
    const length = run.kind === 'data' ? run.data.length : run.length;
    this.requireOrder(run, run.offset + length);
    for (let done = 0; done < length; done += BLOCK_SIZE) {
      const offset = run.offset + done;
      if (offset % CLUSTER_SIZE === 0) {
        if (this.blockInfos.length === CLUSTERS_PER_WRITTEN_EXTENT) yield this.takeExtent();
        const info = { deviceId: run.device.id, cluster: offset / CLUSTER_SIZE, mask: 0 };
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

  /** The last extent; there is always one. @throws `VMA_RECORD_ORDER`, `VMA_MISSING_CLUSTERS` */
  finish(): Uint8Array {
    this.requireWholeCluster();
    const [missing] = this.clusters.missing(this.written + this.size);
    if (missing !== undefined) throw missing;
    return this.takeExtent();
  }

  /**
   * A run goes on where the last one ended, or begins with a new cluster; it ends with a block, or its
   * device.
   */
  private requireOrder(run: Content, end: number): void {
    const { offset } = run;
    const device = this.devices.get(run.device.id) ?? run.device; // an unknown one is refused with its cluster
    const goesOn = this.last?.device.id === device.id && this.last.end === offset;
    if (!goesOn) this.requireWholeCluster();
    if ((!goesOn && offset % CLUSTER_SIZE !== 0) || (end % BLOCK_SIZE !== 0 && end !== device.size)) {
      const what = `bytes ${offset} to ${end} are not whole blocks in their order`;
      throw new ArchiveError('VMA_RECORD_ORDER', `${printableName(device.name)}: ${what}`, {
        entry: device.name,
      });
    }
    if (end > device.size) {
      const what = `bytes ${offset} to ${end} lie past its end at ${device.size}`;
      throw new ArchiveError('VMA_CLUSTER_RANGE', `${printableName(device.name)}: ${what}`, {
        entry: device.name,
      });
    }
    this.last = { device, end };
  }

  private requireWholeCluster(): void {
    if (this.last === undefined) return;
    const { device, end } = this.last;
    if (end % CLUSTER_SIZE === 0 || end === device.size) return;
    const what = `its cluster ${Math.floor(end / CLUSTER_SIZE)} does not come in one piece`;
    throw new ArchiveError('VMA_RECORD_ORDER', `${printableName(device.name)}: ${what}`, {
      entry: device.name,
    });
  }

  private takeExtent(): Uint8Array {
    encodeExtentHeader(this.buffer, this.uuid, this.blockInfos);
    const extent = this.buffer.subarray(0, this.size);
    this.written += this.size;
    this.size = EXTENT_HEADER_SIZE;
    this.blockInfos = [];
    return extent;
  }
}
