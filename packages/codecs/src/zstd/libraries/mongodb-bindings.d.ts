declare module '@mongodb-js/zstd/bindings.js' {
  const bindings: {
    compress(content: Buffer, level: number): Promise<Buffer>;
    decompress(frame: Buffer): Promise<Buffer>;
  };
  // biome-ignore lint/style/noDefaultExport: a CommonJS module
  export default bindings;
}
