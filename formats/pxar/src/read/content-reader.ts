import { printableName } from '@vzdump-format/posix';
import { ArchiveError, type PullIterator } from '@vzdump-format/streams';
import { ITEM, ITEM_HEADER_SIZE, itemTypeAt, readU64 } from '../format.js';
import type { PxarEntry } from './entry-reader.js';
import { ForwardReader, isAtRest, type PxarInput } from './item-reader.js';

/** The content of a file where it stands in a stream: it can be read once, before the stream moves on. */
export class StreamedContent implements AsyncIterable<Uint8Array> {
  /** Resolves when nobody will read on. */
  readonly settled: Promise<void>;
  private settle: () => void = () => {};
  private state: 'new' | 'begun' | 'over' = 'new';

  /** @param left bytes that are not read yet */
  constructor(
    private readonly input: ForwardReader,
    private readonly path: string,
    private left: number,
  ) {
    this.settled = new Promise((resolve) => {
      this.settle = resolve;
    });
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    if (this.state !== 'new') throw this.gone();
    this.state = 'begun';
    try {
      while (this.left > 0) {
        const bytes = await this.input.some(this.left);
        this.left -= bytes.length;
        yield bytes;
        if (this.isOver()) throw this.gone();
      }
    } finally {
      this.settle();
    }
  }

  /** Passes over what was not read. */
  async finish(): Promise<void> {
    this.state = 'over';
    await this.input.skip(this.left);
    this.left = 0;
    this.settle();
  }

  /** In a method, since whoever holds the iterator may ask for the next entry in between. */
  private isOver(): boolean {
    return this.state === 'over';
  }

  private gone(): ArchiveError {
    const what = `the content of ${printableName(this.path)} can be read once, before the next entry is asked for`;
    return new ArchiveError('PXAR_CONTENT_GONE', what, { entry: this.path });
  }
}

/** Entries, each of which waits until nobody reads the content of the one before. */
export class PatientEntries implements AsyncGenerator<PxarEntry> {
  private last: StreamedContent | undefined;
  private stop = () => {};
  private readonly stopped = new Promise<'stopped'>((resolve) => {
    this.stop = () => resolve('stopped');
  });

  constructor(private readonly entries: PullIterator<PxarEntry>) {}

  async next(): Promise<IteratorResult<PxarEntry>> {
    if (this.last !== undefined) {
      const waited = await Promise.race([this.last.settled, this.stopped]);
      if (waited === 'stopped') return { done: true, value: undefined };
    }
    const result = await this.entries.next();
    const content = result.value?.content;
    this.last = content instanceof StreamedContent ? content : undefined;
    return result;
  }

  /** Takes effect at once, where that of a generator would come after the wait. */
  return(): Promise<IteratorResult<PxarEntry>> {
    this.stop();
    return this.entries.return();
  }

  async throw(error: unknown): Promise<IteratorResult<PxarEntry>> {
    await this.return();
    throw error;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

const PAYLOAD_STREAM = 'the payload stream';

export interface PayloadReaderOptions {
  readonly signal?: AbortSignal | undefined;
}

/** Reads the payload stream of a split archive along with the archive. */
export class PayloadReader {
  readonly input: ForwardReader;

  constructor(
    private readonly source: PxarInput,
    options: PayloadReaderOptions,
  ) {
    this.input = new ForwardReader(source, { name: PAYLOAD_STREAM, ...options });
  }

  /** @throws `PXAR_PAYLOAD_START`, `PXAR_TRUNCATED` */
  async begin(): Promise<void> {
    await this.input.need(ITEM_HEADER_SIZE);
    requirePayloadStart(this.input.view, this.input.position);
    this.input.position += ITEM_HEADER_SIZE;
  }

  /**
   * Moves to the content of a file, if that is what comes next and the window has all of it: as `seek`,
   * without waiting.
   * @throws `PXAR_PAYLOAD_REF`
   */
  takeHeader(contentOffset: number, size: number, path: string): boolean {
    const { input } = this;
    const offset = contentOffset - ITEM_HEADER_SIZE;
    if (offset !== input.offset || !input.has(ITEM_HEADER_SIZE + size)) return false;
    requirePayload(input.view, input.position, { offset, size, path });
    input.position += ITEM_HEADER_SIZE;
    return true;
  }

  /**
   * Moves to the content of a file, past what nobody refers to.
   * @param contentOffset in the payload stream, behind the PAYLOAD's header
   * @throws `PXAR_PAYLOAD_ORDER`, `PXAR_PAYLOAD_REF`, `PXAR_TRUNCATED`
   */
  async seek(contentOffset: number, size: number, path: string): Promise<void> {
    const { input } = this;
    const gap = contentOffset - ITEM_HEADER_SIZE - input.offset;
    if (gap < 0) {
      const what = `the content of ${printableName(path)} lies before that of a file before it`;
      const details = { offset: contentOffset - ITEM_HEADER_SIZE, entry: path };
      throw new ArchiveError('PXAR_PAYLOAD_ORDER', `${what}, in ${PAYLOAD_STREAM}`, details);
    }
    if (gap > 0) await input.skip(gap);
    if (!input.has(ITEM_HEADER_SIZE)) await input.need(ITEM_HEADER_SIZE);
    requirePayload(input.view, input.position, { offset: input.offset, size, path });
    input.position += ITEM_HEADER_SIZE;
  }

  /** Proves that the stream ends where it should. @throws `PXAR_PAYLOAD_TAIL`, `PXAR_TRUNCATED` */
  async finish(): Promise<void> {
    const { input, source } = this;
    if (isAtRest(source)) {
      await input.skip(Math.max(0, source.size - ITEM_HEADER_SIZE - input.offset));
    }
    let last: Uint8Array = new Uint8Array(0);
    while (!(await input.atEnd())) {
      const bytes = await input.some(Number.MAX_SAFE_INTEGER);
      last = Buffer.concat([last, bytes.subarray(-ITEM_HEADER_SIZE)]).subarray(-ITEM_HEADER_SIZE);
    }
    if (last.length < ITEM_HEADER_SIZE) await input.need(ITEM_HEADER_SIZE); // there are fewer
    const view = new DataView(last.buffer, last.byteOffset, last.length);
    if (itemTypeAt(view, 0) !== ITEM.PAYLOAD_TAIL || readU64(view, 8) !== ITEM_HEADER_SIZE) {
      const offset = input.offset - ITEM_HEADER_SIZE;
      throw new ArchiveError('PXAR_PAYLOAD_TAIL', `${PAYLOAD_STREAM} does not end with its end marker`, {
        offset,
        hint: 'an interrupted copy: look for another',
      });
    }
  }

  close(): Promise<void> {
    return this.input.close();
  }
}

/** The marker that a payload stream begins with. @throws `PXAR_PAYLOAD_START` */
export function requirePayloadStart(view: DataView, at: number): void {
  if (itemTypeAt(view, at) === ITEM.PAYLOAD_START && readU64(view, at + 8) === ITEM_HEADER_SIZE) return;
  throw new ArchiveError('PXAR_PAYLOAD_START', `${PAYLOAD_STREAM} does not begin with its start marker`, {
    offset: 0,
    hint: 'is it the .ppxar of this .mpxar?',
  });
}

/** The header of a PAYLOAD in a payload stream. @throws `PXAR_PAYLOAD_REF` unless it has this content */
export function requirePayload(
  view: DataView,
  at: number,
  { offset, size, path }: { readonly offset: number; readonly size: number; readonly path: string },
): void {
  const isPayload = itemTypeAt(view, at) === ITEM.PAYLOAD;
  const found = readU64(view, at + 8) - ITEM_HEADER_SIZE;
  if (isPayload && found === size) return;
  const what = isPayload ? `has not ${size} bytes of content` : 'holds no content';
  const message = `${printableName(path)}: where it refers to, ${PAYLOAD_STREAM} ${what}`;
  throw new ArchiveError('PXAR_PAYLOAD_REF', message, {
    offset,
    entry: path,
    hint: 'is it the .ppxar of this .mpxar?',
  });
}

export function payloadMissing(path: string, offset: number): ArchiveError {
  return new ArchiveError(
    'PXAR_PAYLOAD_MISSING',
    `the content of ${printableName(path)} is in another file`,
    {
      offset,
      entry: path,
      hint: 'a split archive (.mpxar) is read together with its payload stream (.ppxar)',
    },
  );
}
