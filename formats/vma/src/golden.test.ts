import { BufferSource, readChunks } from '@vzdump-format/streams';
import {
  badVmaBytes,
  badVmas,
  craftedVmas,
  DECIDED,
  type GoldenVma,
  goldenVmas,
  REFUSED_WITH,
  RecipeSource,
  vectorBytes,
  verdicts,
} from '@vzdump-format/test-vectors';
import { collect, sha256 } from '@vzdump-format/testing';
import { describe, expect, test } from 'vitest';
import { unpackVma, verifyVma } from './read/unpack.js';
import { deviceHashes } from './testing/records.js';
import { largestExtentArchive } from './testing/vectors.js';
import { packVma } from './write/pack.js';
import { repackVma } from './write/repack.js';

function inChunks(bytes: Uint8Array, chunkSize = 1 << 20): AsyncIterable<Uint8Array> {
  return readChunks(new BufferSource(bytes), { chunkSize });
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
    expect(hashes).toEqual(Object.fromEntries(golden.devices.map(({ id, sha256: hash }) => [id, hash])));
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
    expect((await collect(packGolden(golden, true))).equals(first)).toBe(true);
    const hashes = await deviceHashes(unpackVma(inChunks(first)));
    expect(Object.values(hashes)).toEqual(golden.devices.map((device) => device.sha256));
  });
});

test.each(
  goldenVmas().filter(({ devices, name }) => devices.length === 1 || name === 'two-drives-two-configs'),
)('$name passes through unpack and repack unchanged', async ({ name }) => {
  const bytes = vectorBytes(`vma/${name}.vma`);
  expect(sha256(await collect(repackVma(unpackVma(inChunks(bytes)))))).toBe(sha256(bytes));
});

describe('legal archives that no writer makes', () => {
  test.each(craftedVmas())('$name: $note', async ({ name, size, sha256: hash, devices }) => {
    const isBuilt = name === 'extent-max-3867136';
    const bytes = isBuilt ? largestExtentArchive() : vectorBytes(`vma-crafted/${name}.vma`);
    expect(bytes.length).toBe(size);
    expect(sha256(bytes)).toBe(hash);
    expect(await deviceHashes(unpackVma(inChunks(bytes)))).toEqual(
      Object.fromEntries(devices!.map((device) => [device.id, device.sha256])),
    );
  });
});

describe('bad archives', () => {
  test.each(badVmas())('$name can be built', (entry) => {
    expect(sha256(badVmaBytes(entry))).toBe(entry.sha256);
  });

  test('all are decided on', () => {
    const refused = badVmas().filter(({ extract }) => extract.rc !== 0);
    expect(Object.values(REFUSED_WITH).flat().sort()).toEqual(refused.map(({ name }) => name).sort());
    const restored = badVmas().filter(({ extract }) => extract.rc === 0);
    expect(Object.keys(DECIDED).sort()).toEqual(restored.map(({ name }) => name).sort());
  });

  test.each(verdicts())('$name: $note', async (entry) => {
    const warnings: string[] = [];
    const verified = verifyVma(inChunks(badVmaBytes(entry)), {
      onWarning: ({ code }) => warnings.push(code),
    });
    if (entry.error !== undefined) {
      await expect(verified).rejects.toMatchObject({ name: 'ArchiveError', code: entry.error });
    } else {
      await verified;
      expect(warnings).toEqual(entry.warning === undefined ? [] : [entry.warning]);
    }
  });
});
