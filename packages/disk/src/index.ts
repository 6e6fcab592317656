export { type ImageFormat, imageFormats, openDiskImage } from './disk-image.js';
export {
  createImageFile,
  type ImageTarget,
  openImageTarget,
  openImageWriter,
  writtenFormat,
} from './image-target.js';
export type { ImagePlace, ImageWriter } from './image-writer.js';
