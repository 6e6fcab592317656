import { readdir } from 'node:fs/promises';
import { type FileEntry, restoreTree } from '@vzdump-format/file-tree';
import { chunksOf, hashing, Meter, metered, observed, prefetchOne, throttle } from '@vzdump-format/streams';
import { type LettingGoCase, noise, StallingSource, scratch, testLettingGo } from '@vzdump-format/testing';
import { describe, expect, test } from 'vitest';

interface Row extends LettingGoCase {
  readonly name: string;
}

const NOISE = noise(3 << 20, 1);
const FILE = { mode: 0o644, uid: 0, gid: 0, mtime: 0n };
const ENTRIES: readonly FileEntry[] = [
  { ...FILE, path: '', type: 'directory', mode: 0o755, size: 0 },
  { ...FILE, path: 'a', type: 'file', size: NOISE.length, content: NOISE },
];

async function collected(source: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source) chunks.push(Uint8Array.from(chunk));
  return Buffer.concat(chunks);
}

async function* of<T>(...items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}

const plainRows: readonly Row[] = [
  {
    name: 'throttle',
    items: () => [NOISE],
    run: (source, signal) => throttle(0, signal && { signal })(source),
    takesSignal: true,
  },
  {
    name: 'metered',
    items: () => [NOISE],
    run: (source) => metered(new Meter())(source),
    takesSignal: false,
  },
  { name: 'prefetchOne', items: () => [NOISE], run: (source) => prefetchOne()(source), takesSignal: false },
  { name: 'hashing', items: () => [NOISE], run: (source) => hashing('md5')(source), takesSignal: false },
  { name: 'chunksOf', items: () => [NOISE], run: (source) => chunksOf(source), takesSignal: false },
  {
    name: 'observed',
    items: () => [NOISE],
    run: (source) => observed(collected)(source),
    takesSignal: false,
  },
];

for (const { name, ...row } of plainRows) testLettingGo(name, row);

describe('restoreTree', () => {
  test.each([
    ['entries', (source: StallingSource): AsyncIterable<FileEntry> => source, []],
    ['a content', (source: StallingSource) => of({ ...ENTRIES[1]!, content: source }), [NOISE]],
  ])('an abort is not delayed by %s that stall', async (_, entriesOf, items) => {
    const controller = new AbortController();
    const source = new StallingSource(items);
    const target = await scratch();
    const ended = restoreTree(entriesOf(source), target, { signal: controller.signal });
    await Promise.race([source.stalled, ended]);
    controller.abort(new Error('enough'));
    await expect(ended).rejects.toThrow('enough');
    expect([source.isClosed, await readdir(target)]).toEqual([true, []]);
  });
});
