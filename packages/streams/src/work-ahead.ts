import { setImmediate } from 'node:timers/promises';
import { alignedMemory } from './aligned-memory.js';
import type { Stage } from './stage.js';

/**
 * Lets what comes before it make the next chunk while whoever comes behind it waits, for a write to end or a thread to
 * answer: for sources that work on the calling thread, as walking a tree does. Each chunk is copied, and valid until the next
 * is asked for.
 */
export function workAhead(): Stage {
  return async function* ahead(source) {
    const chunks = source[Symbol.asyncIterator]();
    const copies = [new CopyBuffer(), new CopyBuffer()] as const;
    let turn = 0;
    const make = async (): Promise<Uint8Array | undefined> => {
      const { done, value } = await chunks.next();
      return done ? undefined : copies[turn++ % 2 === 0 ? 0 : 1].copy(value);
    };
    let next = make();
    try {
      for (;;) {
        const chunk = await next;
        if (chunk === undefined) return;
        next = setImmediate().then(make); // after the consumer has begun with this one
        next.catch(() => {}); // awaited in turn
        yield chunk;
      }
    } finally {
      await Promise.allSettled([next]);
      await chunks.return?.();
    }
  };
}

/** Memory that grows with the chunks copied to it. */
class CopyBuffer {
  private memory = new Uint8Array(0);

  copy(chunk: Uint8Array): Uint8Array {
    if (this.memory.length < chunk.length) this.memory = alignedMemory(chunk.length);
    this.memory.set(chunk);
    return this.memory.subarray(0, chunk.length);
  }
}
