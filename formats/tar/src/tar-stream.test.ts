import { Readable } from 'node:stream';
import { chunked, collect } from '@vzdump-format/testing';
import tarStream from 'tar-stream';
import { describe, expect, test } from 'vitest';
import { unpackTar } from './read/unpack.js';
import { goldenArchive } from './testing/archives.js';
import { readEntries } from './testing/entries.js';
import { packTar } from './write/pack.js';

/** Why the format is our own: what tar-stream makes of what vzdump writes. See `docs/dependencies.md`. */

const SECOND = 1_000_000_000n;
const CAPABILITY = 'SCHILY.xattr.security.capability';

async function readWithTarStream(archive: Uint8Array) {
  const extract = tarStream.extract();
  Readable.from(chunked(archive, 65536)).pipe(extract);
  const entries: { header: tarStream.Header; content: Buffer }[] = [];
  for await (const entry of extract)
    entries.push({ header: entry.header, content: await collect(bytesOf(entry)) });
  return entries;
}

/** Its streams are not known to be iterables of bytes, though they are. */
function bytesOf(stream: unknown): AsyncIterable<Uint8Array> {
  return stream as AsyncIterable<Uint8Array>;
}

const file = { type: 'file' as const, mode: 0o755, uid: 0, gid: 0, size: 0, content: new Uint8Array(0) };

describe('reading', () => {
  test('capabilities, which are no text, come out of tar-stream destroyed', async () => {
    // cap_net_raw+ep for a container's superuser with id 100000: one of its bytes is 0x86.
    const fcaps = Buffer.from('0100000300200000000000000000000000000000a0860100', 'hex');
    const archive = await collect(packTar([{ ...file, path: 'ping', mtime: 0n, fcaps }]));
    expect((await readEntries(unpackTar(chunked(archive, 512))))[0]!.fcaps).toEqual(new Uint8Array(fcaps));

    const [entry] = await readWithTarStream(archive);
    const pax = (entry!.header as { pax?: Record<string, string> }).pax!;
    expect(Buffer.from(pax[CAPABILITY]!, 'utf8').equals(fcaps)).toBe(false);
    expect(pax[CAPABILITY]).toContain('\ufffd');
  });

  test('a sparse file comes out as its map and what is left of it, under a name that is not its own', async () => {
    const archive = goldenArchive('vzdump-sparse');
    const ours = (await readEntries(unpackTar(chunked(archive, 65536)))).find(
      ({ path }) => path === 'hole-first',
    )!;
    expect(ours.content).toHaveLength(1 << 20);

    const theirs = (await readWithTarStream(archive)).find(({ header }) =>
      header.name.endsWith('/hole-first'),
    )!;
    expect(theirs.header.name).toMatch(/^\.\/GNUSparseFile\.\d+\/hole-first$/);
    expect(theirs.content).toHaveLength(512 + 4096);
    expect(theirs.content.toString('latin1', 0, 8)).toBe('2\n104448');
  });

  test('of a time, nothing below a second', async () => {
    const mtime = 1_600_000_000n * SECOND + 123_456_789n;
    const archive = await collect(packTar([{ ...file, path: 'f', mtime }]));
    expect((await readEntries(unpackTar(chunked(archive, 512))))[0]!.mtime).toBe(mtime);
    const [entry] = await readWithTarStream(archive);
    expect(entry!.header.mtime!.getTime()).toBe(1_600_000_000_000);
  });

  test('a name that is not UTF-8 is another one', async () => {
    const path = 'not-utf8-\udcff\udcfe';
    const archive = await collect(packTar([{ ...file, path, mtime: 0n }]));
    expect((await readEntries(unpackTar(chunked(archive, 512))))[0]!.path).toBe(path);
    const [entry] = await readWithTarStream(archive);
    expect(entry!.header.name).toBe('./not-utf8-\ufffd\ufffd');
  });
});

describe('writing', () => {
  async function packWithTarStream(header: Parameters<tarStream.Pack['entry']>[0]): Promise<Buffer> {
    const pack = tarStream.pack();
    pack.entry(header, '');
    pack.finalize();
    return collect(bytesOf(pack));
  }

  test('a time past 2038 becomes another, or no number at all', async () => {
    const in2040 = await packWithTarStream({ name: 'f', mtime: new Date('2040-01-01T00:00:00Z') });
    const [entry] = await readEntries(unpackTar(chunked(in2040, 512)));
    expect(new Date(Number(entry!.mtime / 1_000_000n)).getUTCFullYear()).toBe(2242);

    const in2100 = await packWithTarStream({ name: 'f', mtime: new Date('2100-01-01T00:00:00Z') });
    expect(in2100.toString('latin1', 136, 148)).toMatch(/^-[0-7]+ $/);
    await expect(readEntries(unpackTar(chunked(in2100, 512)))).rejects.toMatchObject({ code: 'TAR_NUMBER' });
  });

  test('ids end at 262143', async () => {
    const archive = await packWithTarStream({ name: 'f', uid: 300_000, mtime: new Date(0) });
    expect((await readEntries(unpackTar(chunked(archive, 512))))[0]!.uid).toBe(0o777777);
  });
});
