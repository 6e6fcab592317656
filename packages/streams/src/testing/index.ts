export { type ByteSourceCase, testByteSource } from './byte-source-contract.js';
