import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { access, chmod, mkdir, open, readdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { promisify } from 'node:util';
import { FileSource, readChunks } from '@vzdump-format/streams';
import { runTool, testWith, useTemporaryDirectory } from '@vzdump-format/testing';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import {
  detectImageFormat,
  IMAGE_HEAD_SIZE,
  openQemuImage,
  type QemuImage,
  type QemuImageFormat,
} from './qemu-image.js';

const MEBI = 1024 ** 2;
const GIBI = 1024 ** 3;

const temporaryDirectory = useTemporaryDirectory();
let directory: string;
/** Where sockets are made; empty again after each test. */
let temporary: string;

beforeEach(async () => {
  directory = temporaryDirectory();
  temporary = join(directory, 'tmp');
  await mkdir(temporary);
  vi.stubEnv('TMPDIR', temporary);
});

afterEach(async () => {
  vi.unstubAllEnvs();
  expect(await readdir(temporary)).toEqual([]);
});

/** Bytes that do not repeat and are never zero. */
function noise(length: number, seed: number): Buffer {
  const bytes = Buffer.alloc(length);
  let state = seed;
  for (let index = 0; index < length; index++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[index] = (state >>> 24) | 1;
  }
  return bytes;
}

/** A raw image with noise at these places and zeros elsewhere. */
async function makeRaw(size: number, data: Readonly<Record<number, number>>): Promise<string> {
  const path = join(directory, 'disk.raw');
  const file = await open(path, 'w');
  for (const [offset, length] of Object.entries(data)) {
    await file.write(noise(length, Number(offset) + 1), 0, length, Number(offset));
  }
  await file.close();
  await truncate(path, size);
  return path;
}

async function convert(raw: string, format: QemuImageFormat, name = `disk.${format}`): Promise<string> {
  const path = join(directory, name);
  const options = format === 'vpc' ? ['-o', 'force_size=on'] : [];
  await runTool('qemu-img', 'convert', '-f', 'raw', '-O', format, ...options, raw, path);
  return path;
}

async function sha256(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  const hash = createHash('sha256');
  for await (const bytes of chunks) hash.update(bytes);
  return hash.digest('hex');
}

async function withImage(path: string, format: QemuImageFormat, use: (image: QemuImage) => Promise<void>) {
  const image = await openQemuImage(path, { format });
  try {
    await use(image);
  } finally {
    await image.close();
  }
  expect(() => process.kill(image.pid!, 0)).toThrow('ESRCH');
}

testWith(['qemu'], 'every format has the content of the raw image', async () => {
  const raw = await makeRaw(40 * MEBI, { 0: 70_000, [5 * MEBI + 512]: 3 * MEBI, [39 * MEBI]: MEBI });
  const file = await FileSource.open(raw);
  const expected = await sha256(readChunks(file));
  await file.close();
  for (const format of ['raw', 'qcow2', 'vmdk', 'vdi', 'vhdx', 'vpc', 'qed'] as const) {
    await withImage(format === 'raw' ? raw : await convert(raw, format), format, async (image) => {
      expect(image.size, format).toBe(40 * MEBI);
      expect(await sha256(readChunks(image, { readAhead: 4, chunkSize: 5 * MEBI })), format).toBe(expected);
      const odd = Buffer.alloc(1001);
      await image.read(odd, 69_500);
      expect(odd, format).toEqual(Buffer.concat([noise(70_000, 1).subarray(69_500), Buffer.alloc(501)]));
    });
  }
});

testWith(['qemu'], 'zero areas are not transferred', async () => {
  const data = { [64 * 1024]: 2 * MEBI, [3 * GIBI]: MEBI, [8 * GIBI - MEBI]: MEBI };
  const raw = await makeRaw(8 * GIBI, data);
  for (const format of ['qcow2', 'vmdk', 'vdi'] as const) {
    await withImage(await convert(raw, format), format, async (image) => {
      expect(image.size).toBe(8 * GIBI);
      let bytes = 0;
      for (let at = await image.nextData(0); at !== undefined; at = await image.nextData(at.end)) {
        const buffer = Buffer.alloc(at.end - at.start);
        expect(await image.read(buffer, at.start)).toBe(buffer.length);
        bytes += buffer.length;
        for (const [offset, length] of Object.entries(data)) {
          const from = Number(offset);
          if (from < at.start || from >= at.end) continue;
          const found = buffer.subarray(from - at.start, from - at.start + length);
          expect(found.equals(noise(length, from + 1)), `${format} at ${offset}`).toBe(true);
        }
      }
      expect(bytes).toBeGreaterThanOrEqual(4 * MEBI);
      expect(bytes).toBeLessThan(8 * MEBI); // whole blocks of the format, 1 MiB for vdi
      expect(image.bytesReceived).toBeGreaterThan(bytes);
      expect(image.bytesReceived).toBeLessThan(bytes + 64 * 1024);
    });
  }
});

testWith(['qemu'], 'a zero area that is read nevertheless comes as a hole', async () => {
  const raw = await makeRaw(256 * MEBI, { 0: 512 });
  await withImage(await convert(raw, 'qcow2'), 'qcow2', async (image) => {
    const buffer = Buffer.alloc(64 * MEBI, 1);
    expect(await image.read(buffer, 128 * MEBI)).toBe(buffer.length);
    expect(buffer.equals(Buffer.alloc(buffer.length))).toBe(true);
    expect(image.bytesReceived).toBeLessThan(16 * 1024);
  });
});

testWith(['qemu'], 'names that QEMU would take for something else are only names', async () => {
  const raw = await makeRaw(MEBI, { 0: 1000 });
  const names = [
    'a:b,c=d.qcow2',
    '-x.qcow2',
    'nbd:localhost:1',
    'json:{"driver":"null-co"}',
    'ä \n%s$(x).qcow2',
  ];
  const before = process.cwd();
  process.chdir(directory);
  try {
    for (const name of names) {
      await convert(raw, 'qcow2', 'plain.qcow2');
      await writeFile(join(directory, name), await readFile(join(directory, 'plain.qcow2')));
      for (const path of [name, join(directory, name), relative(before, join(directory, name))]) {
        if (path.startsWith('..')) process.chdir(before);
        await withImage(path, 'qcow2', async (image) => {
          const buffer = Buffer.alloc(1000);
          await image.read(buffer, 0);
          expect(buffer.equals(noise(1000, 1)), path).toBe(true);
        });
        process.chdir(directory);
      }
    }
  } finally {
    process.chdir(before);
  }
});

testWith(['qemu'], 'a long TMPDIR does not matter', async () => {
  const long = join(directory, 'x'.repeat(120));
  await mkdir(long);
  vi.stubEnv('TMPDIR', long);
  const raw = await makeRaw(MEBI, { 0: 1000 });
  await withImage(raw, 'raw', async (image) => expect(image.size).toBe(MEBI));
  expect(await readdir(long)).toEqual([]);
});

testWith(['qemu'], 'an image that QEMU cannot open is one clear line', async () => {
  const raw = await makeRaw(MEBI, { 0: 1000 });
  await expect(openQemuImage(raw, { format: 'qcow2' })).rejects.toMatchObject({
    code: 'NBD_QEMU',
    message: `qemu-nbd cannot open ${raw} as qcow2: Image is not in qcow2 format`,
    entry: raw,
  });
  const cut = await convert(raw, 'qcow2');
  await truncate(cut, 100);
  await expect(openQemuImage(cut, { format: 'qcow2' })).rejects.toMatchObject({
    code: 'NBD_QEMU',
    message: expect.stringMatching(/cannot open .* as qcow2: [^\n]+$/),
  });
});

testWith(['qemu'], 'a damaged mapping fails the read, and the next one works', async () => {
  const path = await imageWithFirstMapping('8000000000000200'); // not where a cluster begins
  await withImage(path, 'qcow2', async (image) => {
    await expect(image.read(Buffer.alloc(512), 0)).rejects.toMatchObject({ code: 'NBD_READ', offset: 0 });
    await expect(image.nextData(0)).rejects.toMatchObject({ code: 'NBD_BLOCK_STATUS', offset: 0 });
    const buffer = Buffer.alloc(512);
    await image.read(buffer, 512 * 1024);
    expect(buffer.equals(noise(MEBI, 1).subarray(512 * 1024, 512 * 1024 + 512))).toBe(true);
  });
});

testWith(['qemu'], 'damaged content fails the read with the reason, though qemu-nbd hangs up', async () => {
  const path = await imageWithFirstMapping('4000000000000000'); // compressed, but nothing to decompress there
  await withImage(path, 'qcow2', async (image) => {
    const read = image.read(Buffer.alloc(512), 0);
    await expect(read).rejects.toThrow(/^qemu-nbd gave up reading .*disk\.qcow2: .*Input\/output error$/);
  });
});

/**
 * A qcow2 image of a MiB of noise, whose first cluster is mapped to this (qcow2 specification, L2 table
 * entry).
 */
async function imageWithFirstMapping(entry: string): Promise<string> {
  const path = await convert(await makeRaw(MEBI, { 0: MEBI }), 'qcow2');
  const file = await open(path, 'r+');
  const u64At = async (position: number) =>
    (await file.read(Buffer.alloc(8), 0, 8, position)).buffer.readBigUInt64BE(0);
  const level1 = Number(await u64At(40));
  const level2 = Number((await u64At(level1)) & 0x00ff_ffff_ffff_fe00n);
  await file.write(Buffer.from(entry, 'hex'), 0, 8, level2);
  await file.close();
  return path;
}

testWith(['qemu'], 'a server that is killed fails the read under way, by name', async () => {
  const raw = await makeRaw(MEBI, { 0: MEBI });
  const image = await openQemuImage(raw, { format: 'raw' });
  process.kill(image.pid!, 'SIGSTOP'); // so that the read surely waits
  const read = image.read(Buffer.alloc(MEBI), 0);
  process.kill(image.pid!, 'SIGKILL');
  const lost = { code: 'NBD_QEMU', message: `qemu-nbd was ended by SIGKILL while ${raw} was being read` };
  await expect(read).rejects.toMatchObject(lost);
  await expect(image.read(Buffer.alloc(1), 0)).rejects.toMatchObject(lost);
  await expect(image.nextData(0)).rejects.toMatchObject(lost);
  await image.close();
  await image.close();
});

testWith(['qemu'], 'a program that forgets to close ends, and leaves nothing behind', async () => {
  const raw = await makeRaw(MEBI, { 0: 1000 });
  const program = `
    import { openQemuImage } from ${JSON.stringify(new URL('../dist/index.js', import.meta.url).href)};
    const image = await openQemuImage(${JSON.stringify(raw)}, { format: 'raw' });
    await image.read(Buffer.alloc(10), 0);
    process.stdout.write('read');`;
  const run = promisify(execFile)(process.execPath, ['--input-type=module', '-e', program], {
    timeout: 30_000,
  });
  expect((await run).stdout).toBe('read');
});

test('without qemu-nbd, the error says what to install', async () => {
  const raw = await makeRaw(MEBI, {});
  vi.stubEnv('PATH', temporary);
  await expect(openQemuImage(raw, { format: 'vmdk' })).rejects.toMatchObject({
    code: 'NBD_QEMU_MISSING',
    hint: expect.stringContaining('in the package qemu-utils'),
  });
});

test('what is no file is not given to qemu-nbd', async () => {
  await expect(openQemuImage(directory, { format: 'raw' })).rejects.toMatchObject({ code: 'NOT_A_FILE' });
  await expect(openQemuImage(join(directory, 'none'), { format: 'raw' })).rejects.toMatchObject({
    code: 'ENOENT',
  });
});

test('a signal aborts a start that hangs, and even a stubborn process is ended', async () => {
  const raw = await makeRaw(MEBI, {});
  const bin = join(directory, 'bin');
  const pidFile = join(directory, 'pid');
  await mkdir(bin);
  await writeFile(
    join(bin, 'qemu-nbd'),
    `#!${process.execPath}
    process.on('SIGTERM', () => {});
    setInterval(() => {}, 1e6);
    require('fs').writeFileSync(${JSON.stringify(`${pidFile}.new`)}, String(process.pid));
    require('fs').renameSync(${JSON.stringify(`${pidFile}.new`)}, ${JSON.stringify(pidFile)});`,
  );
  await chmod(join(bin, 'qemu-nbd'), 0o755);
  vi.stubEnv('PATH', bin);
  const controller = new AbortController();
  const reason = new Error('enough');
  const opening = openQemuImage(raw, { format: 'raw', signal: controller.signal });
  await vi.waitFor(() => access(pidFile), { timeout: 30_000, interval: 5 });
  controller.abort(reason);
  await expect(opening).rejects.toBe(reason);
  const pid = Number(await readFile(pidFile, 'latin1'));
  expect(() => process.kill(pid, 0)).toThrow('ESRCH');
  await expect(openQemuImage(raw, { format: 'raw', signal: controller.signal })).rejects.toBe(reason);
});

testWith(['qemu'], 'what qemu-img creates is recognised', async () => {
  for (const format of ['qcow2', 'vmdk', 'vdi', 'vhdx', 'vpc', 'qed', 'raw']) {
    const path = join(directory, format);
    await runTool('qemu-img', 'create', '-q', '-f', format, path, '1M');
    const expected = format === 'raw' ? undefined : format;
    expect(detectImageFormat(await headOf(path)), format).toBe(expected);
  }
  const older = join(directory, 'older');
  await runTool('qemu-img', 'create', '-q', '-f', 'qcow2', '-o', 'compat=0.10', older, '1M');
  expect(detectImageFormat(await headOf(older))).toBe('qcow2');
});

test('the rarer beginnings of a vmdk are recognised, and other things are not', () => {
  expect(detectImageFormat(Buffer.from('COWD\x01\0\0\0'))).toBe('vmdk');
  expect(detectImageFormat(Buffer.from('# Disk DescriptorFile\nversion=1\n'))).toBe('vmdk');
  expect(detectImageFormat(Buffer.from('QFI\xfb\0\0\0\x01', 'latin1'))).toBeUndefined();
  expect(detectImageFormat(Buffer.from('QFI'))).toBeUndefined();
  expect(detectImageFormat(new Uint8Array(0))).toBeUndefined();
  expect(detectImageFormat(new Uint8Array(IMAGE_HEAD_SIZE))).toBeUndefined();
});

async function headOf(path: string): Promise<Uint8Array> {
  const file = await open(path);
  const { buffer, bytesRead } = await file.read(new Uint8Array(IMAGE_HEAD_SIZE), 0, IMAGE_HEAD_SIZE, 0);
  await file.close();
  return buffer.subarray(0, bytesRead);
}
