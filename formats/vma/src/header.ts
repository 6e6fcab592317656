import { bytesToPath, printableName } from '@vzdump-format/posix';
import { ArchiveError, ByteReader, type Items, type OnWarning } from '@vzdump-format/streams';
import { BlobReader, BlobWriter } from './blobs.js';
import {
  asBuffer,
  checksum,
  checksumMatches,
  DEVICE_ENTRY_SIZE,
  DEVICE_TABLE_LENGTH,
  formatUuid,
  HEADER_MAGIC,
  HEADER_TABLE_SIZE,
  HEADER_VERSION,
  MAX_CONFIGS,
  MAX_DEVICE_ID,
  MAX_DEVICE_SIZE,
  MAX_HEADER_SIZE,
  OFFSET,
  parseUuid,
  UUID_SIZE,
  type VmaConfig,
  type VmaDevice,
  type VmaHeader,
} from './format.js';

/**
 * Reads the header from the start of an archive.
 * @throws `VMA_TRUNCATED`, `VMA_MAGIC`, `VMA_VERSION`, `VMA_HEADER_SIZE`, `VMA_HEADER_CHECKSUM`,
 * `VMA_BLOB_BUFFER`, `VMA_BLOB`, `VMA_DEVICE_SIZE`
 */
export async function readHeader(reader: ByteReader, onWarning?: OnWarning): Promise<VmaHeader> {
  const table = Buffer.from(await reader.readUpTo(HEADER_TABLE_SIZE));
  requireMagic(table);
  if (table.length < HEADER_TABLE_SIZE) throw truncated('inside its header', table.length);
  const size = decodeHeaderSize(table);
  const rest = await reader.readUpTo(size - HEADER_TABLE_SIZE);
  if (table.length + rest.length < size) throw truncated('inside its header', table.length + rest.length);
  return decodeHeader(Buffer.concat([table, rest]), onWarning);
}

/** The header of an archive, of which no more is read. @throws as `readHeader` */
export async function readVmaHeader(archive: Items<Uint8Array>, onWarning?: OnWarning): Promise<VmaHeader> {
  const reader = new ByteReader(archive);
  try {
    return await readHeader(reader, onWarning);
  } finally {
    await reader.close();
  }
}

/** Whether an archive begins as a VMA does. @param head at least its first 4 bytes */
export function isVma(head: Uint8Array): boolean {
  return head.length >= 4 && asBuffer(head).readUInt32BE(0) === HEADER_MAGIC;
}

function requireMagic(start: Buffer): void {
  const magic = Buffer.alloc(4);
  magic.writeUInt32BE(HEADER_MAGIC);
  if (start.length === 0) throw truncated('before it begins: it is empty', 0);
  if (!magic.subarray(0, start.length).equals(start.subarray(0, 4))) {
    throw new ArchiveError('VMA_MAGIC', 'not a VMA archive: it does not begin with its magic number', {
      offset: 0,
    });
  }
}

function truncated(where: string, offset: number): ArchiveError {
  return new ArchiveError('VMA_TRUNCATED', `the archive ends ${where}`, {
    offset,
    hint: 'the archive was cut short: look for another copy',
  });
}

/** @throws `VMA_VERSION`, `VMA_HEADER_SIZE` */
function decodeHeaderSize(table: Buffer): number {
  const version = table.readUInt32BE(OFFSET.version);
  if (version !== HEADER_VERSION) {
    throw new ArchiveError('VMA_VERSION', `VMA version ${version} is not known`, { offset: OFFSET.version });
  }
  const size = table.readUInt32BE(OFFSET.headerSize);
  if (size < HEADER_TABLE_SIZE || size > MAX_HEADER_SIZE) {
    throw new ArchiveError('VMA_HEADER_SIZE', `a header of ${size} bytes is not possible`, {
      offset: OFFSET.headerSize,
    });
  }
  return size;
}

/** Decodes a whole header, blob buffer included. */
function decodeHeader(header: Buffer, onWarning?: OnWarning): VmaHeader {
  if (!checksumMatches(header, OFFSET.md5)) {
    throw new ArchiveError('VMA_HEADER_CHECKSUM', 'the header does not match its checksum', {
      offset: OFFSET.md5,
    });
  }
  const blobs = new BlobReader(header, pointers(header));
  return {
    uuid: formatUuid(header.subarray(OFFSET.uuid, OFFSET.uuid + UUID_SIZE)),
    ctime: header.readBigInt64BE(OFFSET.ctime),
    configs: decodeConfigs(header, blobs, onWarning),
    devices: decodeDevices(header, blobs, onWarning),
  };
}

/** All pointers into the blob buffer that the tables hold. */
function pointers(header: Buffer): Set<number> {
  const found = new Set<number>();
  for (let index = 0; index < MAX_CONFIGS; index++) {
    found.add(header.readUInt32BE(OFFSET.configNames + 4 * index));
    found.add(header.readUInt32BE(OFFSET.configData + 4 * index));
  }
  for (let id = 0; id < DEVICE_TABLE_LENGTH; id++) {
    found.add(header.readUInt32BE(OFFSET.devices + id * DEVICE_ENTRY_SIZE));
  }
  return found;
}

function decodeConfigs(header: Buffer, blobs: BlobReader, onWarning?: OnWarning): VmaConfig[] {
  const configs: VmaConfig[] = [];
  for (let index = 0; index < MAX_CONFIGS; index++) {
    const nameAt = OFFSET.configNames + 4 * index;
    const dataAt = OFFSET.configData + 4 * index;
    const namePointer = header.readUInt32BE(nameAt);
    const dataPointer = header.readUInt32BE(dataAt);
    if (namePointer !== 0 && dataPointer !== 0) {
      configs.push({
        name: decodeName(blobs.require(namePointer, nameAt), nameAt, onWarning),
        data: blobs.require(dataPointer, dataAt),
      });
    } else if (namePointer !== dataPointer) {
      onWarning?.({
        code: 'VMA_CONFIG_INCOMPLETE',
        offset: nameAt,
        message: `config ${index} has a name or data, not both, and is left out`,
      });
    }
  }
  return configs;
}

function decodeDevices(header: Buffer, blobs: BlobReader, onWarning?: OnWarning): VmaDevice[] {
  const devices: VmaDevice[] = [];
  for (let id = 0; id < DEVICE_TABLE_LENGTH; id++) {
    const at = OFFSET.devices + id * DEVICE_ENTRY_SIZE;
    const size = header.readBigUInt64BE(at + OFFSET.deviceSize);
    const pointer = header.readUInt32BE(at);
    if (size === 0n && pointer === 0) continue;
    const name = blobs.find(pointer);
    if (size === 0n || name === undefined || name.at(-1) !== 0 || id < 1 || id > MAX_DEVICE_ID) {
      onWarning?.({
        code: 'VMA_DEVICE_IGNORED',
        offset: at,
        message: `device ${id} has no valid id, name or size, and is left out`,
      });
      continue;
    }
    if (size > BigInt(MAX_DEVICE_SIZE)) {
      throw new ArchiveError(
        'VMA_DEVICE_SIZE',
        `device ${id} claims ${size} bytes, more than the format holds`,
        {
          offset: at + OFFSET.deviceSize,
        },
      );
    }
    devices.push({ id, name: decodeName(name, at, onWarning), size: Number(size) });
  }
  return devices;
}

/** A name is a C string: it ends at its first NUL, which should be its last byte. @throws `VMA_BLOB` */
function decodeName(blob: Buffer, offset: number, onWarning?: OnWarning): string {
  if (blob.at(-1) !== 0) throw new ArchiveError('VMA_BLOB', 'a name does not end in NUL', { offset });
  const end = blob.indexOf(0);
  const name = bytesToPath(blob.subarray(0, end));
  if (end !== blob.length - 1) {
    onWarning?.({
      code: 'VMA_NAME',
      offset,
      entry: name,
      message: `a name goes on behind a NUL byte: it is read as "${printableName(name)}"`,
    });
  }
  return name;
}

/**
 * Encodes a header, byte for byte as Proxmox's writer does.
 * @throws `VMA_LIMIT` for too many or too large configs or devices, `VMA_NAME` for an impossible or repeated
 * name, `VMA_CONFIG`, `VMA_UUID`, `VMA_CTIME`
 */
export function encodeHeader(header: VmaHeader): Buffer {
  const { configs, devices } = header;
  if (configs.length > MAX_CONFIGS) {
    throw new ArchiveError(
      'VMA_LIMIT',
      `${configs.length} configs: a VMA archive holds ${MAX_CONFIGS} at most`,
    );
  }
  for (const { name, data } of configs) {
    if (data instanceof Uint8Array) continue;
    throw new ArchiveError('VMA_CONFIG', `the data of ${printableName(name)} are not bytes`, {
      entry: name,
      hint: 'Buffer.from(text) makes bytes of a text',
    });
  }
  requireDistinct('config', configs);
  requireDistinct('drive', devices);
  if (new Set(devices.map(({ id }) => id)).size < devices.length) {
    throw new ArchiveError('VMA_DEVICE_ID', 'two drives have the same id');
  }
  const blobs = new BlobWriter();
  const table = Buffer.alloc(HEADER_TABLE_SIZE);
  configs.forEach((config, index) => {
    table.writeUInt32BE(blobs.addName('config', config.name), OFFSET.configNames + 4 * index);
    table.writeUInt32BE(
      blobs.add(`config ${printableName(config.name)}`, config.data),
      OFFSET.configData + 4 * index,
    );
  });
  for (const device of devices) encodeDevice(table, device, blobs);
  const blobBuffer = blobs.finish();
  table.writeUInt32BE(HEADER_MAGIC, 0);
  table.writeUInt32BE(HEADER_VERSION, OFFSET.version);
  table.set(parseUuid(header.uuid), OFFSET.uuid);
  if (BigInt.asIntN(64, header.ctime) !== header.ctime) {
    throw new ArchiveError('VMA_CTIME', `the time ${header.ctime} does not fit into 64 bits`);
  }
  table.writeBigInt64BE(header.ctime, OFFSET.ctime);
  table.writeUInt32BE(HEADER_TABLE_SIZE, OFFSET.blobBufferOffset);
  table.writeUInt32BE(blobs.used, OFFSET.blobBufferSize);
  table.writeUInt32BE(HEADER_TABLE_SIZE + blobBuffer.length, OFFSET.headerSize);
  const encoded = Buffer.concat([table, blobBuffer]);
  encoded.set(checksum(encoded, OFFSET.md5), OFFSET.md5);
  return encoded;
}

function encodeDevice(table: Buffer, device: VmaDevice, blobs: BlobWriter): void {
  const { id, name, size } = device;
  if (id < 1 || id > MAX_DEVICE_ID) {
    throw new ArchiveError('VMA_LIMIT', `drive ${id}: a VMA archive holds ${MAX_DEVICE_ID} drives at most`);
  }
  if (size <= 0 || size > MAX_DEVICE_SIZE) {
    throw new ArchiveError(
      'VMA_LIMIT',
      `drive ${printableName(name)} has ${size} bytes: 1 byte to 256 TiB can be stored`,
      { entry: name },
    );
  }
  const at = OFFSET.devices + id * DEVICE_ENTRY_SIZE;
  table.writeUInt32BE(blobs.addName('drive', name), at);
  table.writeBigUInt64BE(BigInt(size), at + OFFSET.deviceSize);
}

function requireDistinct(what: string, named: readonly { readonly name: string }[]): void {
  const seen = new Set<string>();
  for (const { name } of named) {
    if (seen.has(name)) {
      throw new ArchiveError(
        'VMA_NAME',
        `two ${what}s are named ${printableName(name)}: Proxmox could not restore that`,
        { entry: name },
      );
    }
    seen.add(name);
  }
}
