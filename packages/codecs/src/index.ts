export * from './codec.js';
export * from './open-seekable.js';
export * from './registry.js';
export { type ExtentShape, FrameStarts, frameBeginsAt } from './zstd/frame-starts.js';
