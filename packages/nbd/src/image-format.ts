/** The disk image formats, as QEMU's drivers are called. `vpc` is what others call VHD. */
export type QemuImageFormat = 'qcow2' | 'vmdk' | 'vdi' | 'vhdx' | 'vpc' | 'qed' | 'raw';

interface Magic {
  readonly format: QemuImageFormat;
  readonly at: number;
  readonly bytes: Uint8Array;
}

const MAGICS: readonly Magic[] = [
  { format: 'qcow2', at: 0, bytes: Buffer.from('QFI\xfb\0\0\0\x02', 'latin1') },
  { format: 'qcow2', at: 0, bytes: Buffer.from('QFI\xfb\0\0\0\x03', 'latin1') },
  { format: 'vmdk', at: 0, bytes: Buffer.from('KDMV') },
  { format: 'vmdk', at: 0, bytes: Buffer.from('COWD') },
  { format: 'vmdk', at: 0, bytes: Buffer.from('# Disk DescriptorFile') },
  { format: 'vdi', at: 0x40, bytes: Buffer.from([0x7f, 0x10, 0xda, 0xbe]) },
  { format: 'vhdx', at: 0, bytes: Buffer.from('vhdxfile') },
  { format: 'vpc', at: 0, bytes: Buffer.from('conectix') },
  { format: 'qed', at: 0, bytes: Buffer.from('QED\0') },
];

/** How much of an image `detectImageFormat` looks at, in bytes. */
export const IMAGE_HEAD_SIZE = Math.max(...MAGICS.map((magic) => magic.at + magic.bytes.length));

/**
 * Tells an image's format by its magic number. Takes its first `IMAGE_HEAD_SIZE` bytes, or all when it has
 * less.
 *
 * @returns `undefined` when no format is recognised. It may be a raw image then, or a VHD of fixed size,
 * which has its mark at the end only. The first version of qcow is not recognised: to QEMU it is another
 * format.
 */
export function detectImageFormat(head: Uint8Array): QemuImageFormat | undefined {
  const found = MAGICS.find(
    ({ at, bytes }) => Buffer.compare(bytes, head.subarray(at, at + bytes.length)) === 0,
  );
  return found?.format;
}
