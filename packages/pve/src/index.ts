export { isThere, removeIfThere, requireBackup, unlessMissing } from './backup/backup-file.js';
export {
  type BackupCompression,
  type BackupName,
  type BackupType,
  guestOfName,
  notesPath,
  parseBackupName,
  protectionPath,
  requireBackupExtension,
} from './backup/backup-name.js';
export { localTimeOf, padded } from './backup/local-time.js';
export { checkNotesTemplate, expandNotesTemplate } from './backup/notes-template.js';
export {
  type KeepRule,
  keepRules,
  keepsAll,
  markGroup,
  type Retention,
  type Verdict,
  verdictReason,
} from './backup/retention.js';
export { checkedRetention, parseRetention, retentionString } from './backup/retention-string.js';
export { type DriveMapEntry, parseDriveMap } from './guest/drive-map.js';
export { driveMapEntry, drivePaths, driveVolume } from './guest/drive-volume.js';
export { withoutKeys, withoutLines, withValue } from './guest/edit-guest-config.js';
export {
  configValue,
  formatGuestConfig,
  type GuestConfig,
  type GuestConfigLine,
  type GuestConfigSection,
  type GuestType,
  isMoreThanALine,
  parseGuestConfig,
} from './guest/guest-config.js';
export { formatIdRange, idMap, isUnprivileged } from './guest/id-map.js';
export { type IdentitySource, randomIdentity } from './guest/identity.js';
export { LXC_CONFIG_NAME, LXC_FIREWALL_NAME, lxcArchiveConfig } from './guest/lxc-archive-config.js';
export {
  isMountPointKey,
  type MountPoint,
  mountPoints,
  parseMountPoint,
  selectMountPoints,
  wantsBackup,
} from './guest/lxc-mount-points.js';
export { QEMU_CONFIG_NAME, QEMU_FIREWALL_NAME, qemuArchiveConfig } from './guest/qemu-archive-config.js';
export { type SelectedDrive, selectDrives } from './guest/qemu-drives.js';
export {
  findStorageOf,
  isBackupVolume,
  type LocateOptions,
  locateBackup,
  locateBackups,
  locateVolume,
  storageOf,
} from './host/backup-location.js';
export { DEFAULT_PVE_ROOT, type Guest, PveRoot } from './host/pve-root.js';
export { hostLines } from './restored/host-lines.js';
export { restoreLxcConfig } from './restored/restore-lxc-config.js';
export { restoreQemuConfig, withDriveSizes } from './restored/restore-qemu-config.js';
export { planRestoredDrives, type RestoredDrive } from './restored/restored-drives.js';
export {
  formatRestoredMountPoint,
  type NewMountPoint,
  planRestoredMountPoints,
} from './restored/restored-mount-points.js';
export { BANDWIDTH_UNIT, type BandwidthLimits, restoreBandwidthLimit } from './storage/bandwidth-limit.js';
export type { DatacenterConfig } from './storage/datacenter-config.js';
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
  resolveVolume,
  type Volume,
  type VolumeFormat,
} from './storage/volume.js';
export { parseVolumeId } from './storage/volume-id.js';
export { ifThere, readConfigFile, writeConfigFile } from './syntax/config-file.js';
export { withoutLineEnd } from './syntax/config-lines.js';
export { formatPropertyString, type Properties, parseBoolean } from './syntax/property-string.js';
export {
  checkCommandLine,
  chosenGuests,
  type EffectiveOptions,
  effectiveOptions,
} from './vzdump/effective-options.js';
export { type OptionType, type OptionValue, parseOptionValue, type ValueOf } from './vzdump/option-value.js';
export { readVzdumpConf } from './vzdump/read-vzdump-conf.js';
export { type GuestSelection, parseVmids, selectGuests } from './vzdump/select-guests.js';
export { type VzdumpOptions, vzdumpOption, vzdumpOptions } from './vzdump/vzdump-options.js';
