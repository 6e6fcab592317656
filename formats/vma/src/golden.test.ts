import { createHash } from 'node:crypto';
import { BufferSource, readChunks } from '@vzdump-format/streams';
import {
  badVmaBytes,
  badVmas,
  craftedVmas,
  type GoldenVma,
  goldenVmas,
  RecipeSource,
  vectorBytes,
} from '@vzdump-format/test-vectors';
import { describe, expect, test } from 'vitest';
import { packVma } from './pack.js';
import { repackVma } from './repack.js';
import { unpackVma, type VmaRecord } from './unpack.js';
import { verifyVma } from './verify.js';

const ZEROS = Buffer.alloc(1 << 20);

/** SHA-256 of each device's content, by id, and the order of runs checked on the way. */
async function deviceHashes(records: AsyncIterable<VmaRecord>): Promise<Map<number, string>> {
  const contents = new Map<number, { offset: number; bytes: Buffer | undefined }[]>();
  const sizes = new Map<number, number>();
  for await (const record of records) {
    if (record.kind === 'header') {
      for (const device of record.header.devices) {
        contents.set(device.id, []);
        sizes.set(device.id, device.size);
      }
    } else {
      const bytes = record.kind === 'data' ? Buffer.from(record.data) : undefined;
      contents.get(record.device.id)!.push({ offset: record.offset, bytes });
    }
  }
  return new Map(
    [...contents].map(([id, runs]) => {
      const hash = createHash('sha256');
      let at = 0;
      for (const { offset, bytes } of runs.filter((run) => run.bytes).sort((a, b) => a.offset - b.offset)) {
        hashZeros(hash, offset - at);
        hash.update(bytes!);
        at = offset + bytes!.length;
      }
      hashZeros(hash, sizes.get(id)! - at);
      return [id, hash.digest('hex')];
    }),
  );
}

function hashZeros(hash: ReturnType<typeof createHash>, length: number): void {
  for (let left = length; left > 0; left -= ZEROS.length)
    hash.update(ZEROS.subarray(0, Math.min(left, ZEROS.length)));
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function inChunks(bytes: Uint8Array, chunkSize = 1 << 20): AsyncIterable<Uint8Array> {
  return readChunks(new BufferSource(bytes), { chunkSize });
}

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return Buffer.concat(parts);
}

function packGolden(golden: GoldenVma, dense: boolean): AsyncIterable<Uint8Array> {
  return packVma({
    configs: golden.configs.map(({ name, text }) => ({ name, data: Buffer.from(text) })),
    drives: golden.devices.map(({ name, content }) => ({
      name,
      source: new RecipeSource(content, { dense }),
    })),
    uuid: golden.header.uuid,
    ctime: golden.header.ctime,
  });
}

describe('archives that Proxmox wrote', () => {
  test.each(goldenVmas())('$name is read with the content it was made of', async (golden) => {
    const bytes = vectorBytes(`vma/${golden.name}.vma`);
    expect(sha256(bytes)).toBe(golden.archive.sha256);
    const hashes = await deviceHashes(unpackVma(inChunks(bytes)));
    expect(Object.fromEntries(hashes)).toEqual(
      Object.fromEntries(golden.devices.map(({ id, sha256: hash }) => [id, hash])),
    );
  });

  test.each(goldenVmas())('$name has the configs and header fields it was made with', async (golden) => {
    for await (const record of unpackVma(inChunks(vectorBytes(`vma/${golden.name}.vma`)))) {
      if (record.kind !== 'header') break;
      const { header } = record;
      expect(header.uuid.replaceAll('-', '')).toBe(golden.header.uuid);
      expect(header.ctime).toBe(BigInt(golden.header.ctime));
      expect(header.configs.map(({ name, data }) => [name, data.length, sha256(data)])).toEqual(
        golden.configs.map(({ name, size, sha256: hash }) => [name, size, hash]),
      );
      expect(header.devices).toEqual(golden.devices.map(({ id, name, size }) => ({ id, name, size })));
    }
  });
});

describe('archives with one drive at most are written byte for byte as Proxmox does', () => {
  const single = goldenVmas().filter(({ devices, name }) => devices.length <= 1 && name !== 'empty-archive');
  test.each(single)('$name', async (golden) => {
    for (const dense of [true, false]) {
      if (dense && golden.devices.some(({ size }) => size > 1 << 30)) continue;
      expect(sha256(await collect(packGolden(golden, dense)))).toBe(golden.archive.sha256);
    }
  });
});

describe('archives with several drives', () => {
  const several = goldenVmas().filter(
    ({ devices, name }) => devices.length > 1 && name !== 'dup-device-names',
  );
  test.each(several)('$name: packed by us, it holds the same', async (golden) => {
    const first = await collect(packGolden(golden, false));
    expect(await collect(packGolden(golden, true))).toEqual(first);
    const hashes = await deviceHashes(unpackVma(inChunks(first)));
    expect([...hashes.values()]).toEqual(golden.devices.map((device) => device.sha256));
  });
});

test.each(
  goldenVmas().filter(({ devices, name }) => devices.length === 1 || name === 'two-drives-two-configs'),
)('$name passes through unpack and repack unchanged', async ({ name }) => {
  const bytes = vectorBytes(`vma/${name}.vma`);
  expect(sha256(await collect(repackVma(unpackVma(inChunks(bytes)))))).toBe(sha256(bytes));
});

describe('legal archives that no writer makes', () => {
  const kept = craftedVmas().filter(({ name }) => name !== 'extent-max-3867136');
  test.each(kept)('$name: $note', async ({ name, sha256: hash, devices }) => {
    const bytes = vectorBytes(`vma-crafted/${name}.vma`);
    expect(sha256(bytes)).toBe(hash);
    const hashes = await deviceHashes(unpackVma(inChunks(bytes)));
    expect(Object.fromEntries(hashes)).toEqual(
      Object.fromEntries(devices!.map((device) => [device.id, device.sha256])),
    );
  });
});

/** What each archive that Proxmox's `extract` fails on is refused with, by `verify` and `unpack` alike. */
const REFUSED_WITH: Readonly<Record<string, readonly string[]>> = {
  VMA_HEADER_CHECKSUM: [
    'header-md5-flipped',
    'header-reserved-flipped',
    'header-blob-flipped',
    'header-uuid-flipped',
    'header-size-plus-512',
  ],
  VMA_MAGIC: ['header-magic-wrong-md5-fixed', 'leading-byte'],
  VMA_VERSION: ['header-version-0'],
  VMA_HEADER_SIZE: ['header-size-0', 'header-size-huge'],
  VMA_BLOB_BUFFER: ['header-size-12289', 'blob-offset-12287', 'blob-offset-max'],
  VMA_BLOB: [
    'blob-size-0',
    'blob-size-short',
    'config-name-ptr-bad',
    'config-data-ptr-bad',
    'config-name-blob-len-0',
  ],
  VMA_CONFIG_NAME: ['config-name-empty'],
  VMA_DEVICE_SIZE: ['device-size-not-512'],
  VMA_UNKNOWN_DEVICE: [
    'device-name-ptr-bad',
    'device-name-no-nul',
    'device-size-0',
    'device-id-unknown-5-zero-cluster',
    'device-id-255',
    'device-255-in-header',
    'device-name-blob-len-0',
  ],
  VMA_CLUSTER_RANGE: [
    'device-size-smaller',
    'cluster-beyond-end-data',
    'cluster-beyond-end-partial',
    'cluster-beyond-bitmap',
    'cluster-max',
    'block-beyond-device-end',
  ],
  VMA_MISSING_CLUSTERS: ['device-size-bigger', 'truncated-header-only', 'device-id-0-zero-cluster'],
  VMA_DUPLICATE_CLUSTER: ['extent-repeated', 'cluster-duplicate'],
  VMA_VMSTATE_ORDER: ['vmstate-out-of-order'],
  VMA_TRUNCATED: [
    'file-empty',
    'truncated-3-bytes',
    'truncated-mid-header',
    'truncated-header-12288',
    'truncated-extent-header',
    'truncated-extent-header-exact',
    'truncated-mid-extent',
    'truncated-last-byte',
  ],
  VMA_TRAILING_DATA: ['trailing-511-bytes', 'trailing-512-zero', 'two-archives-joined'],
  VMA_EXTENT_MAGIC: ['header-size-plus-512-md5-fixed', 'extent-magic-wrong', 'extent-magic-wrong-md5-fixed'],
  VMA_EXTENT_CHECKSUM: ['extent-blockinfo-flipped', 'extent-uuid-flipped', 'multi-third-extent-md5'],
  VMA_EXTENT_UUID: ['extent-uuid-wrong'],
  VMA_EXTENT_RESERVED: ['extent-reserved1-nonzero'],
  VMA_EXTENT_BLOCK_COUNT: [
    'extent-block-count-plus-1-data',
    'extent-block-count-minus-1',
    'extent-block-count-0',
    'mask-bit-cleared',
  ],
};

/** What Proxmox restores and we do not, or only with a warning; the README says why. */
const DECIDED: Readonly<Record<string, { error?: string; warning?: string }>> = {
  base: {},
  multi: {},
  'config-name-only': { warning: 'VMA_CONFIG_INCOMPLETE' },
  'config-name-traversal': { error: 'VMA_CONFIG_NAME' },
  'config-name-embedded-nul': { warning: 'VMA_NAME' },
  'device-0-in-header': { warning: 'VMA_DEVICE_IGNORED' },
  'no-config-no-device': {},
  'mask-swapped-same-count': {},
  'ctime-max': {},
};

describe('bad archives', () => {
  test.each(badVmas())('$name can be built', (entry) => {
    expect(sha256(badVmaBytes(entry))).toBe(entry.sha256);
  });

  const expected = new Map(
    Object.entries(REFUSED_WITH).flatMap(([code, names]) => names.map((name) => [name, code] as const)),
  );

  test('all are decided on', () => {
    const refused = badVmas().filter(({ extract }) => extract.rc !== 0);
    expect([...expected.keys()].sort()).toEqual(refused.map(({ name }) => name).sort());
    const restored = badVmas().filter(({ extract }) => extract.rc === 0);
    expect(Object.keys(DECIDED).sort()).toEqual(restored.map(({ name }) => name).sort());
  });

  test.each(badVmas())('$name: $note', async (entry) => {
    const warnings: string[] = [];
    const verified = verifyVma(inChunks(badVmaBytes(entry)), {
      onWarning: ({ code }) => warnings.push(code),
    });
    const decided = DECIDED[entry.name];
    const code = expected.get(entry.name) ?? decided?.error;
    if (code === undefined) {
      await verified;
      expect(warnings).toEqual(decided?.warning === undefined ? [] : [decided.warning]);
    } else {
      await expect(verified).rejects.toMatchObject({ name: 'ArchiveError', code });
    }
  });
});
