export { bytesToPath, pathToBytes } from './path-bytes.js';
export { fileNameFault, requireFileName } from './safe-name.js';
