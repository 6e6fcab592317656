import { fstatSync } from 'node:fs';

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
