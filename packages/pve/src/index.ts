export {
  type BackupCompression,
  type BackupName,
  type BackupType,
  guestOfName,
  localTimeOf,
  notesPath,
  padded,
  parseBackupName,
  protectionPath,
  requireBackup,
  requireBackupExtension,
} from './backup/backup-name.js';
export { checkNotesTemplate, expandNotesTemplate } from './backup/notes-template.js';
export {
  checkedRetention,
  type KeepRule,
  keepRules,
  keepsAll,
  markGroup,
  parseRetention,
  type Retention,
  retentionString,
  type Verdict,
  verdictReason,
} from './backup/retention.js';
export {
  formatPropertyString,
  type Properties,
  parseBoolean,
  parseSize,
  withoutLineEnd,
} from './config-syntax.js';
export {
  type DriveMapEntry,
  LXC_CONFIG_NAME,
  LXC_FIREWALL_NAME,
  lxcArchiveConfig,
  parseDriveMap,
  QEMU_CONFIG_NAME,
  QEMU_FIREWALL_NAME,
  qemuArchiveConfig,
} from './guest/archive-config.js';
export {
  configValue,
  formatGuestConfig,
  type GuestConfig,
  type GuestConfigLine,
  type GuestConfigSection,
  type GuestType,
  isMoreThanALine,
  parseGuestConfig,
  withoutKeys,
  withoutLines,
  withValue,
} from './guest/guest-config.js';
export {
  formatIdRange,
  idMap,
  isMountPointKey,
  isUnprivileged,
  type MountPoint,
  mountPoints,
  parseMountPoint,
  selectMountPoints,
  wantsBackup,
} from './guest/lxc-config.js';
export {
  driveMapEntry,
  drivePaths,
  driveVolume,
  type SelectedDrive,
  selectDrives,
} from './guest/qemu-drives.js';
export {
  findStorageOf,
  isBackupVolume,
  type LocateOptions,
  locateBackup,
  locateBackups,
  locateVolume,
  storageOf,
} from './host/backup-location.js';
export { readConfigFile, writeConfigFile } from './host/config-file.js';
export { DEFAULT_PVE_ROOT, type Guest, PveRoot } from './host/pve-root.js';
export { hostLines } from './restored/host-lines.js';
export { type IdentitySource, randomIdentity } from './restored/identity.js';
export {
  formatRestoredMountPoint,
  type NewMountPoint,
  planRestoredMountPoints,
  restoreLxcConfig,
} from './restored/restore-lxc-config.js';
export {
  planRestoredDrives,
  type RestoredDrive,
  restoreQemuConfig,
  withDriveSizes,
} from './restored/restore-qemu-config.js';
export {
  BANDWIDTH_UNIT,
  type BandwidthLimits,
  type DatacenterConfig,
  restoreBandwidthLimit,
} from './storage/datacenter-config.js';
export {
  contentDirectory,
  type DirectoryStorage,
  type LvmStorage,
  parseStorageConfig,
  requireBackupStorage,
  requireStorage,
  type StorageConfig,
  type SupportedStorage,
  type ZfsStorage,
} from './storage/storage-config.js';
export {
  newVolumeId,
  nextDiskNumber,
  parseVolumeId,
  resolveVolume,
  type Volume,
  type VolumeFormat,
} from './storage/volume.js';
export {
  checkCommandLine,
  chosenGuests,
  type EffectiveOptions,
  effectiveOptions,
} from './vzdump/effective-options.js';
export { type OptionType, type OptionValue, parseOptionValue, type ValueOf } from './vzdump/option-value.js';
export { type GuestSelection, parseVmids, selectGuests } from './vzdump/select-guests.js';
export { readVzdumpConf } from './vzdump/vzdump-conf.js';
export { type VzdumpOptions, vzdumpOption, vzdumpOptions } from './vzdump/vzdump-options.js';
