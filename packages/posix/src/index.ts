export { bytesToPath, hasEscapedBytes, pathToBytes } from './path-bytes.js';
export { canSeekData, seekData, seekHole } from './seek.js';
export { SparseFileSource } from './sparse-file-source.js';
export { zeroRange } from './zero-range.js';
