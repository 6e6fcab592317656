import { existsSync } from 'node:fs';
import { readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { codecs } from '@vzdump-format/codecs';
import { type GoldenVma, goldenVmas, vectorBytes, vectorPath } from '@vzdump-format/test-vectors';
import { scratch } from '@vzdump-format/testing';
import { describe, expect, test } from 'vitest';
import { sha256OfFile, writeRecipe } from '../support/disk-content.js';
import { runCli, runCliForJson, runCliWell } from '../support/running-cli.js';

/** Larger drives are not hashed here. */
const HASHED_SIZE = 1 << 30;

/** The golden archive, or its gzipped form where only that is kept. */
function archiveOf({ name }: GoldenVma): string {
  const path = vectorPath(`vma/${name}.vma`);
  return existsSync(path) ? path : `${path}.gz`;
}

/** The names that the drives are unpacked to. */
function driveFiles({ devices }: GoldenVma): string[] {
  return devices.map(({ id, name }) => {
    const isRepeated = devices.some((other) => other.id !== id && other.name === name);
    if (name === 'vmstate') return 'vmstate.bin';
    return isRepeated ? `disk-${name}-${id}.raw` : `disk-${name}.raw`;
  });
}

async function expectUnpacked(directory: string, golden: GoldenVma): Promise<void> {
  const drives = driveFiles(golden);
  const names = [...drives, ...golden.configs.map(({ name }) => name)].sort();
  expect((await readdir(directory)).sort()).toEqual(names);
  for (const [index, { size, sha256 }] of golden.devices.entries()) {
    const path = join(directory, drives[index]!);
    expect((await stat(path)).size).toBe(size);
    if (size <= HASHED_SIZE) expect(await sha256OfFile(path)).toBe(sha256);
  }
  for (const { name, sha256 } of golden.configs) {
    expect(await sha256OfFile(join(directory, name))).toBe(sha256);
  }
}

describe('archives that Proxmox wrote', () => {
  test.each(goldenVmas())('$name is listed and unpacked as its recipe says', async (golden) => {
    const directory = join(await scratch(), 'out');
    const { uuid, ctime } = golden.header;
    const listing = await runCliForJson(['list', archiveOf(golden)]);
    expect(listing).toMatchObject({
      ctime,
      configs: golden.configs.map(({ name, size }) => ({ name, size })),
      devices: golden.devices.map(({ id, name, size }) => ({ id, name, size })),
    });
    expect((listing as { uuid: string }).uuid.replaceAll('-', '')).toBe(uuid);
    const repeats = golden.name === 'dup-device-names';
    const { status } = await runCli(['unpack', archiveOf(golden), '--to', directory]);
    expect(status).toBe(repeats ? 3 : 0);
    await expectUnpacked(directory, golden);
  });

  test('all verify', async () => {
    const sound = goldenVmas().filter(({ name }) => name !== 'dup-device-names');
    const result = await runCliForJson(['verify', ...sound.map(archiveOf)]);
    const { archives } = result as { archives: { ok: boolean; warnings: unknown[]; bytes: number }[] };
    expect(archives.map(({ ok, warnings, bytes }) => ({ ok, warnings, bytes }))).toEqual(
      sound.map(({ archive }) => ({ ok: true, warnings: [], bytes: archive.size })),
    );
  });
});

describe('compressed by the real programs', () => {
  const golden = goldenVmas().find(({ name }) => name === 'two-drives-two-configs')!;
  const compressed = codecs
    .flatMap(({ name, extensions: [first] }) =>
      first === undefined ? [] : [{ codec: name, extension: first }],
    )
    .filter(({ extension }, index, all) => all.findIndex((one) => one.extension === extension) === index)
    .filter(({ extension }) => existsSync(vectorPath(`vma/${golden.name}.vma${extension}`)));

  test('there are some', () => {
    expect(compressed.map(({ extension }) => extension)).toEqual(expect.arrayContaining(['.gz', '.zst']));
  });

  test.each(compressed)('$extension', async ({ codec, extension }) => {
    const archive = vectorPath(`vma/${golden.name}.vma${extension}`);
    const directory = join(await scratch(), 'out');
    expect(await runCliForJson(['list', archive])).toMatchObject({ codec });
    expect(await runCliForJson(['verify', archive])).toMatchObject({
      archives: [{ ok: true, codec, bytes: golden.archive.size }],
    });
    await runCliWell(['unpack', archive, '--to', directory]);
    await expectUnpacked(directory, golden);
  });

  test.each(compressed)('$extension, from a pipe', async ({ extension }) => {
    const directory = join(await scratch(), 'out');
    const stdin = vectorBytes(`vma/${golden.name}.vma${extension}`);
    await runCliWell(['unpack', '-', '--to', directory], { stdin });
    await expectUnpacked(directory, golden);
  });
});

describe('archives with one drive at most are packed byte for byte as Proxmox does', () => {
  const single = goldenVmas().filter(({ devices, name }) => devices.length <= 1 && name !== 'empty-archive');

  test.each(single)('$name', async ({ configs, devices, header, archive }) => {
    const directory = await scratch();
    const args = ['pack', join(directory, 'a.vma'), '--uuid', header.uuid, '--ctime', String(header.ctime)];
    for (const { name, text } of configs) {
      await writeFile(join(directory, name), text);
      args.push('--config', join(directory, name));
    }
    for (const { name, content } of devices) {
      await writeRecipe(join(directory, `${name}.raw`), content);
      args.push('--drive', `${name}=${join(directory, `${name}.raw`)}`);
    }
    await runCliWell(args);
    expect(await sha256OfFile(join(directory, 'a.vma'))).toBe(archive.sha256);
  });
});
