import { openArchive } from '@vzdump-format/archives';
import { openVma } from '@vzdump-format/vma';

/** Writes a stretch at the end of a drive to standard output: an archive, the drive, a length in bytes. */
const [path, drive, length] = process.argv.slice(2);
const archive = await openArchive(path!, { parts: true });
const source = (await openVma(archive.source!)).device(drive!);
const stretch = Buffer.alloc(Number(length));
await source.read(stretch, source.size - stretch.length);
await archive.close();
process.stdout.write(stretch);
