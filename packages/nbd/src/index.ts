export { NbdClient, type NbdConnectOptions, type NbdExtent } from './client.js';
export { NbdSource } from './nbd-source.js';
export {
  detectImageFormat,
  IMAGE_HEAD_SIZE,
  type OpenQemuImageOptions,
  openQemuImage,
  QemuImage,
  type QemuImageFormat,
} from './qemu-image.js';
