import { type ByteSource, readChunks } from '@vzdump-format/streams';
import {
  findConfig,
  isVma,
  openVma,
  readVma,
  readVmaHeader,
  streamDrive,
  verifyVma,
} from '@vzdump-format/vma';
import type { DiskFormat, OperationOptions } from '../archive-format.js';
import { extractVma } from '../extract-vma.js';

/** The name under which vzdump stores a VM's configuration. */
const GUEST_CONFIG = 'qemu-server.conf';

export const vma: DiskFormat = {
  kind: 'disks',
  name: 'vma',
  extension: '.vma',
  detect: isVma,
  read: (source, signal) => readVma(source, { signal }),

  async list({ bytes }, { onWarning }) {
    const { uuid, ctime, configs, devices } = await readVmaHeader(bytes, onWarning);
    return {
      format: 'vma',
      uuid,
      ctime: Number.isSafeInteger(Number(ctime)) ? Number(ctime) : String(ctime),
      configs: configs.map(({ name, data }) => ({ name, size: data.length })),
      devices,
    };
  },

  async config({ bytes }, name = GUEST_CONFIG, { onWarning }) {
    return findConfig(await readVmaHeader(bytes, onWarning), name).data;
  },

  async verify({ bytes }, options) {
    await verifyVma(bytes, options);
  },

  cat: ({ bytes, source }, name, options) =>
    source === undefined ? streamDrive(bytes, name, options) : readDrive(source, name, options),

  async unpack({ bytes }, options) {
    await extractVma(bytes, options);
  },
};

async function* readDrive(
  source: ByteSource,
  name: string,
  options: OperationOptions,
): AsyncGenerator<Uint8Array> {
  const { signal } = options;
  yield* readChunks((await openVma(source, options)).device(name), { signal });
}
