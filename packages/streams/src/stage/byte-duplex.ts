import { addAbortSignal, Duplex, PassThrough, Readable } from 'node:stream';
import { owned, type Stage } from './stage.js';

/**
 * Wraps a stage of bytes as a Node Duplex in byte mode, which takes strings, too, and is read in whatever
 * sizes its reader likes.
 * @param signal destroys it, whatever it is waiting for
 */
export function toByteDuplex(stage: Stage, signal?: AbortSignal | undefined): Duplex {
  const writable = new PassThrough();
  // The stage lets go of its source before it fails: to close that, too, would hide the stage's own error.
  const chunks = writable.iterator({ destroyOnReturn: false });
  const readable = Readable.from(owned(stage(chunks)), { objectMode: false });
  const duplex = Duplex.from({ writable, readable });
  return signal === undefined ? duplex : addAbortSignal(signal, duplex);
}
