export { type ImageFormat, imageFormats, openDiskImage } from './disk-image.js';
export type { ImagePlace, ImageWriter } from './image-writer.js';
export { openImageWriter } from './open-image-writer.js';
