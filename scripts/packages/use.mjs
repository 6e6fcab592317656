// What a program does with the packages that needs more than its own file: worker threads, WebAssembly,
// libraries; with the codecs that are named, or all.
import { buildIndex, codec, openSeekable } from '@vzdump-format/codecs';
import { BufferSource } from '@vzdump-format/streams';
import { openVma, packVma } from '@vzdump-format/vma';

const content = Buffer.alloc(1 << 22, 'A line of a drive.\n');
const drives = [{ name: 'drive-scsi0', source: new BufferSource(content) }];

const chosen = process.argv.slice(2);
const tried = [
  ['lzo', { threads: 2 }],
  ['pigz', { threads: 2 }],
  ['zstd', { threads: 2 }],
  ['zstd', { seekable: false }],
].filter(([name]) => chosen.length === 0 || chosen.includes(name));
for (const [name, options] of tried) {
  const packed = await collected(codec(name).compress(options)(packVma({ drives })));
  const unpacked = await collected(codec(name).decompress()(chunksOf(packed)));
  same(await driveOf(new BufferSource(unpacked)), `${name} ${JSON.stringify(options)}`);
  const index = new BufferSource(await collected(buildIndex(new BufferSource(packed))));
  same(await driveOf(await openSeekable(new BufferSource(packed), { index })), `${name} by an index`);
}
console.log(`Node.js ${process.versions.node}: what was packed was read again, ${tried.length} ways`);

async function* chunksOf(bytes) {
  for (let at = 0; at < bytes.length; at += 65_536) yield bytes.subarray(at, at + 65_536);
}

async function collected(chunks) {
  const parts = [];
  for await (const chunk of chunks) parts.push(Buffer.from(chunk));
  return Buffer.concat(parts);
}

async function driveOf(source) {
  const drive = (await openVma(source)).device('drive-scsi0');
  const bytes = Buffer.alloc(drive.size);
  await drive.read(bytes, 0);
  await source.close();
  return bytes;
}

function same(bytes, what) {
  if (bytes.equals(content)) return;
  console.error(`${what}: not what was packed`);
  process.exit(1);
}
