import { fstatSync } from 'node:fs';
import { addAbortSignal } from 'node:stream';
import type { Codec } from '@vzdump-format/codecs';
import { bytesToPath, printableText, setPipeSize } from '@vzdump-format/posix';
import { blockingWriter, type WriteAt, writeFully, writeToStream } from '@vzdump-format/streams';
import { UsageError } from './exit-status.js';

/** Linux lets anybody have pipes of this size; with 64 KiB, both ends spend their time waking each other. */
export const PIPE_SIZE = 1024 * 1024;

/**
 * Standard output, for data that may wait for its reader: an abort ends the waiting.
 * @throws UsageError when it is a terminal, which binary data is not written to
 */
export function binaryOutput(what: string, signal: AbortSignal): NodeJS.WriteStream {
  if (process.stdout.isTTY) {
    throw new UsageError(
      `${what} is binary data, which is not written to a terminal`,
      'redirect it: … > FILE',
    );
  }
  setPipeSize(process.stdout.fd, PIPE_SIZE);
  return addAbortSignal(signal, process.stdout);
}

/**
 * How files are best written beside this codec. Without one there is nothing to do while a write lasts; with
 * one, its threads have to be kept busy.
 */
export function writerFor(codec: Codec): WriteAt {
  return codec.isIdentity ? blockingWriter() : writeFully;
}

/** Prints text of our own, as it is. */
export async function print(text: string): Promise<void> {
  await printBytes(Buffer.from(text));
}

/** Prints lines in which names may stand that archives and directories made up. */
export async function printLines(lines: readonly string[]): Promise<void> {
  await print(lines.map((line) => `${printableText(line)}\n`).join(''));
}

export async function printJson(document: unknown): Promise<void> {
  await print(`${toJson(document, 2)}\n`);
}

/** Prints a text that is stored somewhere, as it is; on a terminal, its lines as they can be shown. */
export async function printStored(text: Uint8Array): Promise<void> {
  if (!process.stdout.isTTY) return printBytes(text);
  const lines = bytesToPath(text).trimEnd().replaceAll('\t', '    ').split('\n');
  await printLines(lines);
}

async function printBytes(bytes: Uint8Array): Promise<void> {
  await writeToStream(once(bytes), process.stdout);
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** Where lines for people go: a stream of Node's, or what stands in for one. */
export interface TextOutput {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  write(text: string): unknown;
}

let opened: NodeJS.WriteStream | undefined;

/**
 * Standard error. Most commands say nothing, and Node takes some milliseconds to make the stream: the first
 * use makes it.
 */
export const standardError: TextOutput = {
  get isTTY() {
    return fstatSync(2).isCharacterDevice() && open().isTTY;
  },
  get columns() {
    return open().columns;
  },
  write: (text) => open().write(text),
};

function open(): NodeJS.WriteStream {
  opened ??= process.stderr.on('error', () => {}); // nobody reads it any more, which is no reason to stop
  return opened;
}

/**
 * Characters that JSON need not escape, but that act on a terminal, mislead the eye, or end a line for other
 * programs.
 */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;
/** Text of these characters alone has none of those: a quick test. */
const PLAIN = /^[\n -~]*$/;

/**
 * Writes a document as JSON that is safe to look at. It means the same as what `JSON.stringify` gives.
 * @param indent unless given, it is one line
 */
export function toJson(document: unknown, indent?: number): string {
  const text = JSON.stringify(document, undefined, indent);
  if (PLAIN.test(text)) return text;
  return text.replace(UNPRINTABLE, (character) => (character === '\n' ? character : escaped(character)));
}

function escaped(character: string): string {
  const units = character.split(''); // by UTF-16 unit, as JSON counts
  return units.map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`).join('');
}
