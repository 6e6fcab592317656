export { bytesToPath, hasEscapedBytes, pathToBytes } from './path-bytes.js';
export { printableName } from './printable-name.js';
export { fileNameFault, requireFileName } from './safe-name.js';
