export { NbdClient, type NbdConnectOptions, type NbdExtent } from './client.js';
export { detectImageFormat, IMAGE_HEAD_SIZE, type QemuImageFormat } from './image-format.js';
export { NbdSource } from './nbd-source.js';
export { type OpenQemuImageOptions, openQemuImage, QemuImage } from './qemu-image.js';
