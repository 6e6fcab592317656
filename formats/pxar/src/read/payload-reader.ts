import { printableName } from '@vzdump-format/posix';
import { ArchiveError } from '@vzdump-format/streams';
import { ITEM, ITEM_HEADER_SIZE, itemTypeAt, readU64 } from '../format.js';
import { ForwardReader, isAtRest, type PxarInput } from './forward-reader.js';

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
