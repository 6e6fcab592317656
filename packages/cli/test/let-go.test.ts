import { readdir } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { type DiskFormat, formats, type TreeFormat } from '@vzdump-format/archives';
import { codecs } from '@vzdump-format/codecs';
import { type FileEntry, restoreTree } from '@vzdump-format/file-tree';
import { chunksOf, hashing, Meter, metered, observed, prefetchOne, throttle } from '@vzdump-format/streams';
import { vectorBytes } from '@vzdump-format/test-vectors';
import { noise, scratch } from '@vzdump-format/testing';
import { describe, expect, test } from 'vitest';

type Items = AsyncIterable<never>;

/** Everything that takes a source in motion and gives what it makes of it. */
interface Row {
  readonly name: string;
  /** What the source gives before it stalls, or again and again. */
  readonly items: () => readonly unknown[] | Promise<readonly unknown[]>;
  readonly run: (source: Items, signal: AbortSignal | undefined) => AsyncIterable<unknown>;
  /** Whether it takes a signal; else it ends with what is around it. */
  readonly takesSignal: boolean;
}

const NOISE = noise(3 << 20, 1);
const VMA = vectorBytes('vma/two-drives-two-configs.vma');
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

const codecRows: readonly Row[] = codecs.flatMap(({ name, canCompress, compress, decompress }) => [
  {
    ...{ name: `decompress ${name}`, takesSignal: true },
    items: async () => [
      canCompress ? await collected(compress()(of(NOISE))) : vectorBytes('codecs/bzip2-1.bz2'),
    ],
    run: (source, signal) => decompress({ signal })(source),
  },
  ...(canCompress ? compressions(name, compress) : []),
]);

function compressions(name: string, compress: (typeof codecs)[number]['compress']): readonly Row[] {
  const variants = [{}, { rsyncable: true }, { seekable: false }, { threads: 2 }];
  return variants.map((options) => ({
    ...{ name: `compress ${name} ${JSON.stringify(options)}`, takesSignal: true },
    items: () => [NOISE],
    run: (source, signal) => compress({ ...options, signal })(source),
  }));
}

const treeFormats = formats.filter((format): format is TreeFormat => format.kind === 'tree');
const treeRows: readonly Row[] = treeFormats.flatMap((format) => [
  {
    ...{ name: `pack ${format.name}`, takesSignal: true },
    items: () => ENTRIES,
    run: (source, signal) => format.pack(source, { signal }),
  },
  {
    ...{ name: `unpack ${format.name}`, takesSignal: true },
    items: async () => [await collected(chunksOf(format.pack(of(...ENTRIES), {})))],
    run: (source, signal) => format.entries({ bytes: source, source: undefined }, { signal }),
  },
]);

const diskRows: readonly Row[] = formats
  .filter((format): format is DiskFormat => format.kind === 'disks')
  .map((format) => ({
    ...{ name: `stream a drive of ${format.name}`, takesSignal: true },
    items: () => [VMA.subarray(0, VMA.length - 4096)],
    run: (source, signal) => format.cat({ bytes: source, source: undefined }, 'drive-virtio0', { signal }),
  }));

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

const rows = [...codecRows, ...treeRows, ...diskRows, ...plainRows];

/** Gives its items, and then stalls, fails or begins again. */
class Source implements AsyncIterableIterator<unknown> {
  isClosed = false;
  /** Resolves when it is asked for what never comes. */
  readonly stalled: Promise<void>;
  private tellStalled = () => {};
  private at = 0;

  constructor(
    private readonly items: readonly unknown[],
    private readonly then: () => Promise<never> | 'again' = () => new Promise<never>(() => {}),
  ) {
    this.stalled = new Promise((resolve) => {
      this.tellStalled = resolve;
    });
  }

  async next(): Promise<IteratorResult<unknown>> {
    if (this.at < this.items.length) return { done: false, value: this.items[this.at++] };
    this.tellStalled();
    const then = this.then();
    if (then !== 'again') return then;
    this.at = 0;
    return this.next();
  }

  async return(): Promise<IteratorResult<unknown>> {
    this.isClosed = true;
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

async function exhaust(results: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of results);
}

describe.each(rows)('$name', ({ items, run, takesSignal }) => {
  test('lets go of a source from which nothing was taken', async () => {
    const source = new Source(await items());
    await run(source as Items, undefined)
      [Symbol.asyncIterator]()
      .return?.();
    expect(source.isClosed).toBe(true);
  });

  test('lets go of a stream from which nothing was taken', async () => {
    const source = new Readable({ objectMode: true, read: () => {} });
    await run(source as unknown as Items, undefined)
      [Symbol.asyncIterator]()
      .return?.();
    expect(source.destroyed).toBe(true);
  });

  test('lets go of its source after the first result', async () => {
    const source = new Source(await items(), () => 'again');
    for await (const _ of run(source as Items, undefined)) break;
    expect(source.isClosed).toBe(true);
  });

  test.runIf(takesSignal)('an abort is not delayed by a source that stalls, and lets go of it', async () => {
    const controller = new AbortController();
    const source = new Source(await items());
    const ended = exhaust(run(source as Items, controller.signal));
    await Promise.race([source.stalled, ended]);
    controller.abort(new Error('enough'));
    await expect(ended).rejects.toThrow('enough');
    expect(source.isClosed).toBe(true);
  });

  test.runIf(takesSignal)('an abort comes before what the source fails with', async () => {
    const controller = new AbortController();
    const source = new Source(await items(), async () => {
      controller.abort(new Error('enough'));
      throw new Error('the disk is gone');
    });
    await expect(exhaust(run(source as Items, controller.signal))).rejects.toThrow('enough');
  });

  test.runIf(takesSignal)('an abort before the beginning comes before everything', async () => {
    const source = new Source(await items(), async () => {
      throw new Error('the disk is gone');
    });
    await expect(exhaust(run(source as Items, AbortSignal.abort(new Error('enough'))))).rejects.toThrow(
      'enough',
    );
  });
});

describe('restoreTree', () => {
  test.each([
    ['entries', (source: Source) => source as AsyncIterable<FileEntry>, []],
    [
      'a content',
      (source: Source) => of({ ...ENTRIES[1]!, content: source as AsyncIterable<Uint8Array> }),
      [NOISE],
    ],
  ])('an abort is not delayed by %s that stall', async (_, entriesOf, items) => {
    const controller = new AbortController();
    const source = new Source(items);
    const target = await scratch();
    const ended = restoreTree(entriesOf(source), target, { signal: controller.signal });
    await Promise.race([source.stalled, ended]);
    controller.abort(new Error('enough'));
    await expect(ended).rejects.toThrow('enough');
    expect([source.isClosed, await readdir(target)]).toEqual([true, []]);
  });
});
