export * from './codec.js';
export * from './foreign.js';
export * from './open-seekable.js';
export * from './registry.js';
export { FrameStarts } from './zstd/frame-starts.js';
