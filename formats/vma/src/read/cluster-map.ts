import { printableName } from '@vzdump-format/posix';
import { ArchiveError } from '@vzdump-format/streams';
import { type BlockInfo, clusterCount, SECTOR_SIZE, VMSTATE_NAME, type VmaDevice } from '../format.js';

/** A page of bits covers 2 GiB of a device. */
const PAGE_BYTES = 4096;
const PAGE_CLUSTERS = PAGE_BYTES * 8;
/**
 * How many pages may be neither empty nor full at a time (64 MiB of bits, 32 TiB of devices): what bounds the
 * memory of an archive whose clusters are strewn over devices of any claimed size.
 */
const MAX_PARTIAL_PAGES = 16384;

interface PartialPage {
  readonly bits: Uint8Array;
  count: number;
}

/** Which clusters of one device have been seen. Full pages cost next to nothing. */
class DeviceMap {
  readonly clusters: number;
  seen = 0;
  private readonly pages = new Map<number, PartialPage | 'full'>();

  constructor(readonly device: VmaDevice) {
    this.clusters = clusterCount(device.size);
  }

  /**
   * @returns by how many the number of partial pages changed, or `undefined` when the cluster was there
   * already.
   */
  add(cluster: number): number | undefined {
    const number = Math.floor(cluster / PAGE_CLUSTERS);
    const known = this.pages.get(number);
    if (known === 'full') return undefined;
    const page = known ?? { bits: new Uint8Array(PAGE_BYTES), count: 0 };
    if (known === undefined) this.pages.set(number, page);
    const within = cluster % PAGE_CLUSTERS;
    const bit = 1 << (within & 7);
    if ((page.bits[within >> 3]! & bit) !== 0) return undefined;
    page.bits[within >> 3]! |= bit;
    page.count++;
    this.seen++;
    const isFull = page.count === Math.min(PAGE_CLUSTERS, this.clusters - number * PAGE_CLUSTERS);
    if (isFull) this.pages.set(number, 'full');
    return (known === undefined ? 1 : 0) - (isFull ? 1 : 0);
  }

  firstMissing(): number {
    for (let number = 0; ; number++) {
      const page = this.pages.get(number);
      if (page === undefined) return number * PAGE_CLUSTERS;
      if (page === 'full') continue;
      for (let within = 0; ; within++) {
        if ((page.bits[within >> 3]! & (1 << (within & 7))) === 0) return number * PAGE_CLUSTERS + within;
      }
    }
  }
}

/** Proves that every cluster of every device comes exactly once. Memory does not depend on claimed sizes. */
export class ClusterMap {
  private readonly devices = new Map<number, DeviceMap>();
  private partialPages = 0;

  /** @throws `VMA_DEVICE_SIZE` for a size that is not in sectors: no writer makes one, no tool restores it */
  constructor(devices: readonly VmaDevice[]) {
    for (const device of devices) {
      if (device.size % SECTOR_SIZE !== 0) {
        const size = `${device.size} bytes are not a multiple of ${SECTOR_SIZE}`;
        throw new ArchiveError('VMA_DEVICE_SIZE', `${printableName(device.name)}: ${size}`, {
          entry: device.name,
        });
      }
      this.devices.set(device.id, new DeviceMap(device));
    }
  }

  /**
   * Takes note of a cluster.
   * @param offset of the extent that holds it, for errors
   * @throws `VMA_UNKNOWN_DEVICE`, `VMA_CLUSTER_RANGE`, `VMA_DUPLICATE_CLUSTER`, `VMA_VMSTATE_ORDER`,
   * `VMA_LIMIT`
   */
  add({ deviceId, cluster }: BlockInfo, offset: number): VmaDevice {
    const map = this.devices.get(deviceId);
    if (map === undefined) {
      throw new ArchiveError(
        'VMA_UNKNOWN_DEVICE',
        `the extent holds data of device ${deviceId}, which the header does not describe`,
        { offset },
      );
    }
    const { device } = map;
    const fail = (code: string, message: string) =>
      new ArchiveError(code, `${printableName(device.name)}: ${message}`, { offset, entry: device.name });
    if (cluster >= map.clusters) {
      throw fail('VMA_CLUSTER_RANGE', `cluster ${cluster} lies past the end: the device has ${map.clusters}`);
    }
    if (device.name === VMSTATE_NAME && cluster !== map.seen) {
      throw fail('VMA_VMSTATE_ORDER', `cluster ${cluster} comes where ${map.seen} must`);
    }
    const added = map.add(cluster);
    if (added === undefined) throw fail('VMA_DUPLICATE_CLUSTER', `cluster ${cluster} comes twice`);
    this.partialPages += added;
    if (this.partialPages > MAX_PARTIAL_PAGES) {
      throw fail('VMA_LIMIT', 'the clusters are strewn too widely to keep count of them');
    }
    return device;
  }

  get complete(): boolean {
    return [...this.devices.values()].every((map) => map.seen === map.clusters);
  }

  /** What is wrong with each incomplete device. @param offset where the archive ends */
  missing(offset: number): ArchiveError[] {
    return [...this.devices.values()]
      .filter((map) => map.seen < map.clusters)
      .map((map) => {
        const { device, clusters, seen } = map;
        const what = `${clusters - seen} of ${clusters} clusters are missing, the first is ${map.firstMissing()}`;
        return new ArchiveError(
          'VMA_MISSING_CLUSTERS',
          `${printableName(device.name)}: ${what}; the archive ends`,
          {
            offset,
            entry: device.name,
            hint: 'the archive was cut short, or lost a part: look for another copy',
          },
        );
      });
  }
}
