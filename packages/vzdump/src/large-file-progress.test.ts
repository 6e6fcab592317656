import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TreeFormat } from '@vzdump-format/archives';
import {
  convertArchive,
  formatForFileName,
  type OpenArchive,
  openArchive,
  packTree,
  unpackTree,
} from '@vzdump-format/archives';
import { codec, codecForFileName } from '@vzdump-format/codecs';
import { DirectoryTree } from '@vzdump-format/file-tree';
import { type OnProgress, RateLimiter } from '@vzdump-format/streams';
import { scratch, testWith } from '@vzdump-format/testing';
import { expect, test } from 'vitest';
import { sampleDump } from './dump/testing/sample-dump.js';
import { restore } from './restore/restore.js';

const LARGE = 5 << 20;
const SMALL = 3;

/** The large file comes first. */
async function makeTree(directory: string): Promise<string> {
  const root = join(directory, 'root');
  await mkdir(root, { recursive: true });
  await writeFile(join(root, 'a-large'), Buffer.alloc(LARGE, 'content'));
  await writeFile(join(root, 'b-small'), 'abc');
  return root;
}

/** What is told of the bytes while `run` works. */
async function told(run: (onProgress: OnProgress) => Promise<unknown>): Promise<number[]> {
  const bytes: number[] = [];
  await run((soFar) => bytes.push(soFar));
  return bytes;
}

/** It grows within the large file, and ends with all there is. */
function expectToGrow(bytes: readonly number[], all = LARGE + SMALL): void {
  expect(bytes).toEqual(bytes.toSorted((one, other) => one - other));
  expect(bytes.filter((soFar) => soFar > SMALL && soFar < LARGE).length).toBeGreaterThan(1);
  expect(bytes.at(-1)).toBe(all);
}

async function pack(root: string, output: string, onProgress: OnProgress): Promise<void> {
  await packTree({
    ...{
      tree: new DirectoryTree(root),
      output,
      format: formatForFileName(output) as TreeFormat,
      codec: codecForFileName(output),
    },
    ...{ limit: new RateLimiter(2 ** 40), onProgress }, // under a limit, nothing is copied by the kernel at once
  });
}

/** What is done with an archive; its progress is told. */
const USES: Readonly<
  Record<string, (opened: OpenArchive, directory: string, onProgress: OnProgress) => unknown>
> = {
  unpack: ({ format, ...archive }, directory, onProgress) =>
    unpackTree(format as TreeFormat, archive, { directory: join(directory, 'to'), onProgress }),
  verify: ({ format, ...archive }, _, onProgress) => format.verify(archive, { onProgress }),
  convert: (archive, directory, onProgress) =>
    convertArchive(archive, { output: join(directory, 'b.tar'), codec: codec('gzip'), onProgress }),
};

test.each(['a.tar', 'a.tar.gz', 'a.pxar.gz', 'a.mpxar'])('in %s', async (name) => {
  const directory = await scratch();
  const archive = join(directory, name);
  const root = await makeTree(directory);
  expectToGrow(await told((onProgress) => pack(root, archive, onProgress)));
  for (const [what, use] of Object.entries(USES)) {
    if (what === 'unpack' && name === 'a.tar') continue; // the kernel copies it, and may do so at once
    expectToGrow(
      await told((onProgress) => withArchive(archive, (opened) => use(opened, directory, onProgress))),
    );
  }
});

async function withArchive(path: string, use: (archive: OpenArchive) => unknown): Promise<void> {
  const archive = await openArchive(path);
  try {
    await use(archive);
  } finally {
    await archive.close();
  }
}

testWith(['root'], 'of a container that is dumped, and restored', async () => {
  const sample = await sampleDump();
  const volume = sample.path('storage/images/101/subvol-101-disk-0.subvol/a-large');
  await writeFile(volume, Buffer.alloc(LARGE, 'content'));
  const { guests } = await sample.run({ vmids: [101], storage: 'local', compress: 'gzip' });
  const dumped = sample.events.flatMap((event) => (event.type === 'progress' ? [event.bytes] : []));
  const all = dumped.at(-1)!;
  expect(all).toBeGreaterThan(LARGE);
  expectToGrow(dumped, all);
  const restored = await told((onProgress) =>
    restore({ archive: guests[0]!.archive!, vmid: 301, pveRoot: sample.path('pve'), onProgress }),
  );
  expectToGrow(restored, restored.at(-1));
});

test('guests of a job are told with their turns; a progress ends before what is said in the end', async () => {
  const sample = await sampleDump();
  await sample.run({ vmids: [100, 999], storage: 'local' });
  expect(sample.events.filter(({ type }) => type === 'guest-started')).toEqual([
    { type: 'guest-started', vmid: 100, position: 1, count: 2 },
    { type: 'guest-started', vmid: 999, position: 2, count: 2 },
  ]);
  const marks = sample.events.flatMap((event) =>
    event.type === 'progress-ended'
      ? ['ended']
      : event.type === 'log' && /^(Finished|Backup of VM 999 failed)/.test(event.message)
        ? ['said']
        : [],
  );
  expect(marks).toEqual(['ended', 'said', 'ended', 'said']);
});
