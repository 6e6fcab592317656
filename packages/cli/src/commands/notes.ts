import { createReadStream } from 'node:fs';
import { addAbortSignal, type Readable } from 'node:stream';
import { bytesToPath } from '@vzdump-format/posix';
import { locateStoredBackup, MAX_NOTES_BYTES } from '@vzdump-format/stores';
import { ArchiveError } from '@vzdump-format/streams';
import type { Command } from '../command.js';
import { backupArgument, type CommonOptions, type PveRootOption, pveRootOption } from '../options/options.js';
import { UsageError } from '../output/exit-status.js';
import { printJson, printStored } from '../output/output.js';

interface Options extends CommonOptions, PveRootOption {
  readonly file?: string;
  readonly clear?: boolean;
}

export const notes: Command<Options> = {
  name: 'notes',
  summary: 'show the notes of a backup, or set them',
  arguments: [
    backupArgument,
    { name: '[text]', description: 'the new notes; without any, those that there are go to standard output' },
  ],
  options: [
    { flags: '--file <file>', description: 'take the new notes from a file; - is standard input' },
    { flags: '--clear', description: 'remove the notes' },
    pveRootOption,
  ],
  examples: [
    "vzdump-format notes vzdump-qemu-100-2026_11_20-02_00_00.vma.zst 'before the upgrade'",
    'vzdump-format notes vzdump-qemu-100-2026_11_20-02_00_00.vma.zst > notes.txt',
    'vzdump-format notes vzdump-qemu-100-2026_11_20-02_00_00.vma.zst --file notes.txt',
  ],

  async run([name, text], options, { signal, inform, onWarning }) {
    const { store, id, path } = await locateStoredBackup(name!, { pveRoot: options.pveRoot, onWarning });
    const changed = await newNotes(text, options, signal);
    if (changed !== undefined) await store.setNotes(id, changed, onWarning);
    if (!options.json && changed !== undefined) return;
    const stored = await store.readNotes(id);
    if (options.json) await printJson({ path, notes: bytesToPath(stored) });
    else if (stored.length === 0) inform(`${path} has no notes`);
    else await printStored(stored);
  },
};

/** What the notes are to be; nothing when they are only to be shown. */
async function newNotes(
  text: string | undefined,
  { file, clear }: Options,
  signal: AbortSignal,
): Promise<string | undefined> {
  if ([text, file, clear].filter((way) => way !== undefined).length > 1) {
    throw new UsageError('the notes are given as TEXT, or by --file, or removed by --clear: one of these');
  }
  if (clear) return '';
  if (file === undefined) return text;
  return readText(addAbortSignal(signal, file === '-' ? process.stdin : createReadStream(file)), file);
}

/** @throws `NOTES_ENCODING`; beyond the greatest size, stops where it can be seen */
async function readText(stream: Readable, name: string): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of stream as AsyncIterable<Uint8Array>) {
    chunks.push(chunk);
    size += chunk.length;
    if (size > MAX_NOTES_BYTES) break;
  }
  const bytes = Buffer.concat(chunks);
  try {
    return new TextDecoder('utf-8', { fatal: size <= MAX_NOTES_BYTES, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    const where = name === '-' ? 'standard input' : name;
    throw new ArchiveError('NOTES_ENCODING', `${where} is not a text in UTF-8`, {
      cause,
      hint: 'notes are stored in UTF-8: convert it, as with iconv',
    });
  }
}
