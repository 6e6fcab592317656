import { type Stage, stageOf } from './stage.js';

export interface HashingStage extends Stage {
  /** Hexadecimal. @throws Error while bytes are still passing. */
  digest(): string;
}

/** Passes bytes on and computes their digest on the way. @param algorithm as `crypto.createHash` names it. */
export function hashing(algorithm: string): HashingStage {
  const hash = process.getBuiltinModule('node:crypto').createHash(algorithm);
  let result: string | undefined;
  async function* hashed(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of source) {
      hash.update(chunk);
      yield chunk;
    }
    result = hash.digest('hex');
  }
  return Object.assign(stageOf(hashed), {
    digest: () => {
      if (result === undefined) throw new Error('the digest is known only when all bytes have passed');
      return result;
    },
  });
}
