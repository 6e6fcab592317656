import { spawnSync } from 'node:child_process';
import { ArchiveError, BufferSource } from '@vzdump-format/streams';
import { chunked } from '@vzdump-format/testing';
import { describe, expect, test } from 'vitest';
import { openTar } from './read/random-access.js';
import { unpackTar } from './read/unpack.js';
import { archive, globalPax, header, pax } from './testing/built-archive.js';
import { CRAFTED } from './testing/crafted.js';
import { BSDTAR, GNU_TAR } from './testing/verdicts.js';

/** The paths and the codes of warnings in their order; or the code of the error alone. */
async function outcomeOf(bytes: Uint8Array): Promise<string[]> {
  const outcome: string[] = [];
  try {
    const entries = unpackTar(chunked(bytes, 4096), { onWarning: ({ code }) => outcome.push(code) });
    for await (const { path } of entries) outcome.push(path);
    return outcome;
  } catch (error) {
    if (error instanceof ArchiveError) return [error.code];
    throw error;
  }
}

test.each(CRAFTED)('$name: what we make of it', async ({ bytes, ours }) => {
  expect(await outcomeOf(bytes)).toEqual(ours);
});

test('an empty record undoes what a global one says: the header holds', async () => {
  const bytes = archive(
    globalPax(['mtime', '77'], ['uid', '5']),
    pax(['mtime', ''], ['uid', '']),
    header({ name: 'a', mtime: 3, uid: 4 }),
    header({ name: 'b', mtime: 3, uid: 4 }),
  );
  const found = [];
  for await (const { path, mtime, uid } of unpackTar(chunked(bytes, 512))) found.push([path, mtime, uid]);
  expect(found).toEqual([
    ['a', 3_000_000_000n, 4],
    ['b', 77_000_000_000n, 5],
  ]);
});

/** What is only warned of behind the end, which is not looked at there. */
const NOT_SEEN_AT_RANDOM = ['TAR_TRAILING_DATA'];

test.each(CRAFTED)('$name: the same at random', async ({ bytes, ours }) => {
  const outcome: string[] = [];
  const opened = openTar(new BufferSource(bytes), { onWarning: ({ code }) => outcome.push(code) });
  if (ours.length === 1 && ours[0]!.startsWith('TAR_')) {
    await expect(opened).rejects.toMatchObject({ code: ours[0] });
    return;
  }
  for await (const { path } of (await opened).entries()) outcome.push(path);
  expect(outcome.sort()).toEqual(ours.filter((line) => !NOT_SEEN_AT_RANDOM.includes(line)).toSorted());
});

/** Names as a tool lists them, and `!` when it fails. */
function listedBy(tool: string, bytes: Uint8Array): string[] {
  const result = spawnSync(tool, ['-tf', '-'], { input: bytes, env: { ...process.env, LC_ALL: 'C.UTF-8' } });
  const names = result.stdout.toString('latin1').split('\n').slice(0, -1);
  return result.status === 0 ? names : [...names, '!'];
}

/** What other readers make of them is the reason for many of the rules; it holds for these versions. */
describe.each([
  { tool: 'tar', version: 'tar (GNU tar) 1.34', verdicts: GNU_TAR },
  { tool: 'bsdtar', version: 'bsdtar 3.6.2', verdicts: BSDTAR },
])('what $version makes of it', ({ tool, version, verdicts }) => {
  const installed = spawnSync(tool, ['--version'], { encoding: 'utf8' }).stdout ?? '';
  if (process.env.CI !== undefined && installed === '') throw new Error(`${tool} is not installed`);
  const skipped = !installed.startsWith(version);
  test.skipIf(skipped).each(CRAFTED)(
    `$name${skipped ? ` (skipped: ${version} is not installed)` : ''}`,
    ({ name, bytes }) => {
      expect(listedBy(tool, bytes)).toEqual(verdicts[name] ?? 'nothing recorded');
    },
  );
});
