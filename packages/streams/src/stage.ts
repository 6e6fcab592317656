import { Duplex } from 'node:stream';

/**
 * One step of a pipeline: bytes in, bytes out. `stream.pipeline` takes it as it is.
 *
 * A chunk belongs to whoever received it, for as long as they like, unless the stage that made it was asked
 * to `reuseBuffers`: then it is valid only until the next chunk is asked for, and not to be written to. Stages of this toolkit never
 * need a chunk for longer than that, so a pipeline that ends in one of its sinks may reuse throughout.
 */
export type Stage<In = Uint8Array, Out = Uint8Array> = (source: AsyncIterable<In>) => AsyncGenerator<Out>;

/**
 * Wraps a stage as a Node Duplex. Both its sides are in object mode: what is written reaches the stage as it is, and
 * what the stage yields, bytes or records, is read as it is. A Duplex holds chunks back, so none may be reused.
 */
export function toDuplex(stage: Stage<never, unknown>): Duplex {
  return Duplex.from(stage as (source: AsyncIterable<unknown>) => AsyncIterable<unknown>);
}
