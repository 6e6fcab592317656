import { badVmas, type VmaCase } from './vma.js';

/** What each archive that Proxmox's `extract` fails on is refused with, however it is read. */
export const REFUSED_WITH: Readonly<Record<string, readonly string[]>> = {
  VMA_HEADER_CHECKSUM: [
    'header-md5-flipped',
    'header-reserved-flipped',
    'header-blob-flipped',
    'header-uuid-flipped',
    'header-size-plus-512',
  ],
  VMA_MAGIC: ['header-magic-wrong-md5-fixed', 'leading-byte'],
  VMA_VERSION: ['header-version-0'],
  VMA_HEADER_SIZE: ['header-size-0', 'header-size-huge'],
  VMA_BLOB_BUFFER: ['header-size-12289', 'blob-offset-12287', 'blob-offset-max'],
  VMA_BLOB: [
    'blob-size-0',
    'blob-size-short',
    'config-name-ptr-bad',
    'config-data-ptr-bad',
    'config-name-blob-len-0',
  ],
  VMA_CONFIG_NAME: ['config-name-empty'],
  VMA_DEVICE_SIZE: ['device-size-not-512'],
  VMA_UNKNOWN_DEVICE: [
    'device-name-ptr-bad',
    'device-name-no-nul',
    'device-size-0',
    'device-id-unknown-5-zero-cluster',
    'device-id-255',
    'device-255-in-header',
    'device-name-blob-len-0',
  ],
  VMA_CLUSTER_RANGE: [
    'device-size-smaller',
    'cluster-beyond-end-data',
    'cluster-beyond-end-partial',
    'cluster-beyond-bitmap',
    'cluster-max',
    'block-beyond-device-end',
  ],
  VMA_MISSING_CLUSTERS: ['device-size-bigger', 'truncated-header-only', 'device-id-0-zero-cluster'],
  VMA_DUPLICATE_CLUSTER: ['extent-repeated', 'cluster-duplicate'],
  VMA_VMSTATE_ORDER: ['vmstate-out-of-order'],
  VMA_TRUNCATED: [
    'file-empty',
    'truncated-3-bytes',
    'truncated-mid-header',
    'truncated-header-12288',
    'truncated-extent-header',
    'truncated-extent-header-exact',
    'truncated-mid-extent',
    'truncated-last-byte',
  ],
  VMA_TRAILING_DATA: ['trailing-511-bytes', 'trailing-512-zero', 'two-archives-joined'],
  VMA_EXTENT_MAGIC: ['header-size-plus-512-md5-fixed', 'extent-magic-wrong', 'extent-magic-wrong-md5-fixed'],
  VMA_EXTENT_CHECKSUM: ['extent-blockinfo-flipped', 'extent-uuid-flipped', 'multi-third-extent-md5'],
  VMA_EXTENT_UUID: ['extent-uuid-wrong'],
  VMA_EXTENT_RESERVED: ['extent-reserved1-nonzero'],
  VMA_EXTENT_BLOCK_COUNT: [
    'extent-block-count-plus-1-data',
    'extent-block-count-minus-1',
    'extent-block-count-0',
    'mask-bit-cleared',
  ],
};

/** What Proxmox restores and we do not, or only with a warning; the README says why. */
export const DECIDED: Readonly<Record<string, { error?: string; warning?: string }>> = {
  base: {},
  multi: {},
  'config-name-only': { warning: 'VMA_CONFIG_INCOMPLETE' },
  'config-name-traversal': { error: 'VMA_CONFIG_NAME' },
  'config-name-embedded-nul': { warning: 'VMA_NAME' },
  'device-0-in-header': { warning: 'VMA_DEVICE_IGNORED' },
  'no-config-no-device': {},
  'mask-swapped-same-count': {},
  'ctime-max': {},
};

/** What becomes of a bad archive. */
export interface Verdict extends VmaCase {
  /** The error's code; none when the archive is read. */
  readonly error: string | undefined;
  readonly warning: string | undefined;
}

export function verdicts(): Verdict[] {
  const codes = new Map(
    Object.entries(REFUSED_WITH).flatMap(([code, names]) => names.map((name) => [name, code] as const)),
  );
  return badVmas().map((entry) => ({
    ...entry,
    error: codes.get(entry.name) ?? DECIDED[entry.name]?.error,
    warning: DECIDED[entry.name]?.warning,
  }));
}
