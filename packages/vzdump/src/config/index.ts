export {
  type BackupLocation,
  findStorageOf,
  isBackupVolume,
  type LocateOptions,
  locateBackup,
  locateBackups,
} from './backup-location.js';
export {
  BANDWIDTH_UNIT,
  type BandwidthLimits,
  type BandwidthOperation,
  parseBandwidthLimits,
  type RestoreBandwidthOptions,
  restoreBandwidthLimit,
} from './bandwidth-limit.js';
export { type ParseConfigOptions, withoutLineEnd } from './config-lines.js';
export { type DatacenterConfig, parseDatacenterConfig } from './datacenter-config.js';
export { guestDescription, withDescription } from './description.js';
export { formatSize, parseSize } from './disk-size.js';
export { type DriveMapEntry, formatDriveMapLine, parseDriveMap } from './drive-map.js';
export { driveMapEntry, drivePaths, driveVolume } from './drive-volume.js';
export { currentOnly, withoutKeys, withoutLines, withValue } from './edit-guest-config.js';
export {
  checkCommandLine,
  chosenGuests,
  type EffectiveOptions,
  effectiveOptions,
  type OptionSources,
} from './effective-options.js';
export {
  configValue,
  configValues,
  formatGuestConfig,
  type GuestConfig,
  type GuestConfigLine,
  type GuestConfigSection,
  type GuestType,
  isMoreThanALine,
  parseGuestConfig,
  rawLxcLines,
  sectionValue,
} from './guest-config.js';
export { hostLines } from './host-lines.js';
export { formatIdRange, type IdRange, idMap, isUnprivileged } from './id-map.js';
export { DEFAULT_MAC_PREFIX, type IdentitySource, randomIdentity } from './identity.js';
export { LXC_CONFIG_NAME, LXC_FIREWALL_NAME, lxcArchiveConfig } from './lxc-archive-config.js';
export {
  isMountPointKey,
  type MountPoint,
  type MountPointSelection,
  mountPoints,
  selectMountPoints,
} from './lxc-mount-points.js';
export {
  type OptionType,
  type OptionValue,
  type PropertyTypes,
  parseOptionValue,
  type ValueOf,
} from './option-value.js';
export { type Pools, parsePools } from './pools.js';
export {
  formatPropertyString,
  type Properties,
  parseBoolean,
  parsePropertyString,
  replaceProperty,
} from './property-string.js';
export { DEFAULT_PVE_ROOT, type Guest, PveRoot, type PveRootOptions } from './pve-root.js';
export {
  type ArchiveConfig,
  QEMU_CONFIG_NAME,
  QEMU_FIREWALL_NAME,
  qemuArchiveConfig,
} from './qemu-archive-config.js';
export {
  type DriveSelection,
  deviceName,
  isCloudInit,
  type QemuDrive,
  qemuDrives,
  type SelectedDrive,
  selectDrives,
} from './qemu-drives.js';
export { readVzdumpConf } from './read-vzdump-conf.js';
export { type RestoreLxcConfigOptions, restoreLxcConfig } from './restore-lxc-config.js';
export {
  type RestoreQemuConfigOptions,
  restoreQemuConfig,
  withDriveSizes,
} from './restore-qemu-config.js';
export {
  type PlanRestoredDrivesOptions,
  planRestoredDrives,
  type RestoredDrive,
} from './restored-drives.js';
export {
  formatRestoredMountPoint,
  type KeptMountPoint,
  type NewMountPoint,
  type PlanRestoredMountPointsOptions,
  planRestoredMountPoints,
  type RestoredMountPoint,
} from './restored-mount-points.js';
export {
  type GuestChoice,
  type GuestSelection,
  type KnownGuests,
  parseVmids,
  selectGuests,
} from './select-guests.js';
export {
  contentDirectory,
  DEFAULT_STORAGE_ID,
  type DirectoryStorage,
  type LvmStorage,
  parseStorageConfig,
  requireBackupStorage,
  requireStorage,
  type Storage,
  type StorageConfig,
  type SupportedStorage,
  type UnsupportedStorage,
  type ZfsStorage,
} from './storage-config.js';
export {
  type NewVolume,
  newVolumeId,
  nextDiskNumber,
  resolveVolume,
  storageFormats,
  type Volume,
  type VolumeFormat,
} from './volume.js';
export { parseVolumeId, type VolumeId } from './volume-id.js';
export { parseVzdumpConf, VZDUMP_CONF } from './vzdump-conf.js';
export {
  type DefaultedOptionName,
  type VzdumpOptionName,
  type VzdumpOptionSpec,
  type VzdumpOptions,
  vzdumpOption,
  vzdumpOptions,
} from './vzdump-options.js';
