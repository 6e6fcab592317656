/** A volume's name, as guests' configurations hold it: `local:100/vm-100-disk-0.qcow2`. */
export interface VolumeId {
  readonly storage: string;
  /** What the storage calls it: `100/vm-100-disk-0.qcow2`. */
  readonly name: string;
}

/** Two or more characters, beginning with a letter. */
export const STORAGE_ID = /^[a-z][a-z0-9._-]*[a-z0-9]$/i;

/** `undefined` when it is none: an absolute path, say, or `none`. */
export function parseVolumeId(text: string): VolumeId | undefined {
  const at = text.indexOf(':');
  if (at === -1) return undefined;
  const [storage, name] = [text.slice(0, at), text.slice(at + 1)];
  return STORAGE_ID.test(storage) && name !== '' ? { storage, name } : undefined;
}
