import { type ByteSource, readChunks } from '@vzdump-format/streams';
import {
  collectExtentHeaders,
  findConfig,
  findDevice,
  isVma,
  openVma,
  readVma,
  readVmaHeader,
  streamDrive,
  type VmaDevice,
  type VmaRecord,
  verifyVma,
} from '@vzdump-format/vma';
import type { DiskFormat, OperationOptions, UnpackDisksOptions } from '../archive-format.js';
import { extractRecords, extractVma } from '../extract-vma.js';

/** The name under which vzdump stores a VM's configuration. */
const GUEST_CONFIG = 'qemu-server.conf';

export const vma: DiskFormat = {
  kind: 'disks',
  name: 'vma',
  extension: '.vma',
  detect: isVma,
  read: (source, signal) => readVma(source, { signal }),
  collectHeaders: collectExtentHeaders,

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

  async unpack({ bytes, source }, options) {
    const { skip = [] } = options;
    if (source === undefined || skip.length === 0) await extractVma(bytes, options);
    else await extractRecords(chosenDrives(source, skip, options), options);
  },
};

/** As `unpackVma`, but nothing is read of the drives to skip, which pass as zeros. */
async function* chosenDrives(
  source: ByteSource,
  skip: readonly string[],
  options: UnpackDisksOptions,
): AsyncGenerator<VmaRecord> {
  const archive = await openVma(source, options);
  const { header } = archive;
  yield { kind: 'header', header };
  const skipped = new Set(skip.map((name) => findDevice(header, name)));
  for (const device of header.devices) {
    if (skipped.has(device)) yield { kind: 'zeros', device, offset: 0, length: device.size };
    else yield* recordsOf(device, archive.device(String(device.id)), options.signal);
  }
}

async function* recordsOf(
  device: VmaDevice,
  drive: ByteSource,
  signal: AbortSignal | undefined,
): AsyncGenerator<VmaRecord> {
  let offset = 0;
  for (let data = await drive.nextData?.(0); data !== undefined; data = await drive.nextData?.(offset)) {
    const { start, end } = data;
    if (start > offset) yield { kind: 'zeros', device, offset, length: start - offset };
    offset = start;
    for await (const chunk of readChunks(drive, { start, end, signal })) {
      yield { kind: 'data', device, offset, data: chunk };
      offset += chunk.length;
    }
  }
  if (offset < device.size) yield { kind: 'zeros', device, offset, length: device.size - offset };
}

async function* readDrive(
  source: ByteSource,
  name: string,
  options: OperationOptions,
): AsyncGenerator<Uint8Array> {
  const { signal } = options;
  yield* readChunks((await openVma(source, options)).device(name), { signal });
}
