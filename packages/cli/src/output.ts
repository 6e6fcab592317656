import { writeToStream } from '@vzdump-format/streams';
import { UsageError } from './exit-status.js';

/** Prints text, or a document as JSON. */
export async function print(text: string): Promise<void> {
  await writeToStream(once(Buffer.from(text)), process.stdout);
}

export async function printJson(document: unknown): Promise<void> {
  await print(`${JSON.stringify(document, undefined, 2)}\n`);
}

/** @throws UsageError when standard output is a terminal */
export function requireNoTerminal(what: string): void {
  if (!process.stdout.isTTY) return;
  throw new UsageError(`${what} is binary data, which is not written to a terminal`, 'redirect it: … > FILE');
}

export async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
