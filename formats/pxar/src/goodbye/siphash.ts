import type { U64 } from '../format.js';

/**
 * SipHash-2-4 (Aumasson and Bernstein, 2012), over halves of 32 bits: BigInt is fifty times slower, and a
 * module of WebAssembly would have every name copied into its memory. The result stands in `low` and `high`,
 * so that hashing a name allocates nothing.
 */
export class SipHash {
  /** Of the last hash, unsigned. */
  low = 0;
  high = 0;

  constructor(private readonly key: readonly [U64, U64]) {}

  /** Hashes a part of `bytes`. */
  hash(bytes: Uint8Array, start: number, end: number): void {
    const [k0, k1] = this.key;
    // the state: four numbers, low and high halves; the constants are "somepseudorandomlygeneratedbytes"
    let a = k0.low ^ 0x70736575;
    let A = k0.high ^ 0x736f6d65;
    let b = k1.low ^ 0x6e646f6d;
    let B = k1.high ^ 0x646f7261;
    let c = k0.low ^ 0x6e657261;
    let C = k0.high ^ 0x6c796765;
    let d = k1.low ^ 0x79746573;
    let D = k1.high ^ 0x74656462;

    const length = end - start;
    const fullBlocks = length >>> 3;
    // the full blocks, the one that is filled up, and the end, which has more rounds
    for (let block = 0, at = start; block <= fullBlocks + 1; block++, at += 8) {
      let word = 0;
      let WORD = 0;
      let rounds = 2;
      if (block < fullBlocks) {
        word = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
        WORD = bytes[at + 4]! | (bytes[at + 5]! << 8) | (bytes[at + 6]! << 16) | (bytes[at + 7]! << 24);
      } else if (block === fullBlocks) {
        for (let index = end - 1; index >= at + 4; index--) WORD = (WORD << 8) | bytes[index]!;
        for (let index = Math.min(end, at + 4) - 1; index >= at; index--) word = (word << 8) | bytes[index]!;
        WORD |= length << 24;
      } else {
        c ^= 0xff;
        rounds = 4;
      }
      d ^= word;
      D ^= WORD;
      for (; rounds > 0; rounds--) {
        let sum = (a + b) | 0;
        A = (A + B + (((a & b) | ((a | b) & ~sum)) >>> 31)) | 0;
        a = sum;
        let swap = b;
        b = ((b << 13) | (B >>> 19)) ^ a;
        B = ((B << 13) | (swap >>> 19)) ^ A;
        swap = a;
        a = A;
        A = swap;
        sum = (c + d) | 0;
        C = (C + D + (((c & d) | ((c | d) & ~sum)) >>> 31)) | 0;
        c = sum;
        swap = d;
        d = ((d << 16) | (D >>> 16)) ^ c;
        D = ((D << 16) | (swap >>> 16)) ^ C;
        sum = (a + d) | 0;
        A = (A + D + (((a & d) | ((a | d) & ~sum)) >>> 31)) | 0;
        a = sum;
        swap = d;
        d = ((d << 21) | (D >>> 11)) ^ a;
        D = ((D << 21) | (swap >>> 11)) ^ A;
        sum = (c + b) | 0;
        C = (C + B + (((c & b) | ((c | b) & ~sum)) >>> 31)) | 0;
        c = sum;
        swap = b;
        b = ((b << 17) | (B >>> 15)) ^ c;
        B = ((B << 17) | (swap >>> 15)) ^ C;
        swap = c;
        c = C;
        C = swap;
      }
      a ^= word;
      A ^= WORD;
    }
    this.low = (a ^ b ^ c ^ d) >>> 0;
    this.high = (A ^ B ^ C ^ D) >>> 0;
  }
}
