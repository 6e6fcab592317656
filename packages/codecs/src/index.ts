export * from './codec.js';
export * from './registry.js';
