export { type ImageFormat, imageFormats, openDiskImage } from './disk-image.js';
export { createImageFile, type ImageTarget, openImageTarget, writtenFormat } from './image-target.js';
export type { ImagePlace, ImageWriter } from './image-writer.js';
export { openImageWriter } from './open-image-writer.js';
