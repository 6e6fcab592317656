import { lineEnd, splitList } from './config-lines.js';
import { formatSize } from './disk-size.js';
import { withCurrentLines } from './edit-guest-config.js';
import type { GuestConfig, GuestConfigLine, GuestConfigSection } from './guest-config.js';
import type { IdentitySource } from './identity.js';
import { formatPropertyString, parsePropertiesOf, replaceProperty } from './property-string.js';
import { isTransient } from './qemu-archive-config.js';
import { DRIVE_DEFAULT_KEY, isBackupDisabled, isDriveKey, parseDrive } from './qemu-drives.js';

type Property = Extract<GuestConfigLine, { kind: 'property' | 'raw' }>;

export interface RestoreQemuConfigOptions {
  /** The new volumes by drive key: `scsi0` → `local-lvm:vm-300-disk-0`. */
  readonly volumes: ReadonlyMap<string, string>;
  /** Whether the machine gets MAC addresses and a SMBIOS uuid of its own. */
  readonly unique?: boolean;
  readonly identity: IdentitySource;
}

/**
 * The configuration out of an archive as qmrestore writes it, line by line:
 *
 * | line | becomes |
 * |---|---|
 * | `#qmdump#…`, `#vzdump#…`, `lock`, `parent`, `unusedN` | nothing |
 * | a drive with `backup=0` | a comment |
 * | a drive that was restored | its new volume, without `format`, the rest sorted |
 * | `vmgenid`, unless it is 0 | a new one |
 * | `netN`, `smbios1`, with `unique` | the same with a new MAC address, uuid |
 * | `vlanN`, from Proxmox VE 1 | a `netN` for each of its interfaces |
 *
 * All else stays as it is, sections too, which archives of Proxmox VE do not have.
 * @throws `CONFIG_VALUE` for a drive or, with `unique`, a network card that cannot be read.
 */
export function restoreQemuConfig(config: GuestConfig, options: RestoreQemuConfigOptions): GuestConfig {
  const rewriter = new LineRewriter(options);
  const [current, ...others] = config.sections.map((section): GuestConfigSection => {
    const lines = section.lines.flatMap((line) => rewriter.rewrite(line));
    return { ...section, lines };
  });
  return { ...config, sections: [current!, ...others] };
}

/** What `rescan` does after a restore: the drives get the sizes that their volumes have, in bytes by drive key. */
export function withDriveSizes(config: GuestConfig, sizes: ReadonlyMap<string, number>): GuestConfig {
  const lines = config.sections[0].lines.map((line) => {
    const size = line.kind === 'property' ? sizes.get(line.key) : undefined;
    if (size === undefined || line.kind !== 'property') return line;
    return withLineValue(line, replaceProperty(line.value, 'size', formatSize(size), DRIVE_DEFAULT_KEY));
  });
  return withCurrentLines(config, lines);
}

class LineRewriter {
  private interfaces = 0;

  constructor(private readonly options: RestoreQemuConfigOptions) {}

  rewrite(line: GuestConfigLine): readonly GuestConfigLine[] {
    if (isTransient(line)) return [];
    if (line.kind !== 'property') return [line];
    const { unique = false, identity } = this.options;
    if (/^vlan\d+$/.test(line.key)) return this.fromVlan(line);
    if (unique && /^net\d+$/.test(line.key)) return [withNewMac(line, identity)];
    if (unique && line.key === 'smbios1') {
      return [withLineValue(line, replaceProperty(line.value, 'uuid', identity.uuid()))];
    }
    if (line.key === 'vmgenid') return [line.value === '0' ? line : withLineValue(line, identity.uuid())];
    return [isDriveKey(line.key) && !/\s/.test(line.value) ? this.drive(line) : line];
  }

  private drive(line: Property): GuestConfigLine {
    const drive = parseDrive(line.key, line.value);
    if (isBackupDisabled(drive)) {
      return { kind: 'comment', text: `#${line.text}`, comment: line.text.trimEnd() };
    }
    const volume = this.options.volumes.get(line.key);
    if (volume === undefined) return line;
    const properties = new Map(drive.properties);
    for (const replaced of ['format', 'volume']) properties.delete(replaced);
    properties.set(DRIVE_DEFAULT_KEY, volume);
    return withLineValue(line, formatPropertyString(properties, DRIVE_DEFAULT_KEY));
  }

  /** `vlan1: e1000=MAC,virtio=MAC` → `net0: e1000=MAC,bridge=vmbr1` and `net1: …`. */
  private fromVlan(line: Property): readonly GuestConfigLine[] {
    const { unique = false, identity } = this.options;
    const bridge = `vmbr${line.key.slice('vlan'.length)}`;
    return splitList(line.value).map((part, index, { length }) => {
      const [model, mac] = part.split('=');
      const key = `net${this.interfaces++}`;
      const value = `${model}=${unique || !mac ? identity.mac() : mac},bridge=${bridge}`;
      const end = index === length - 1 ? lineEnd(line.text) : '\n';
      return { kind: 'property', key, value, text: `${key}: ${value}${end}` };
    });
  }
}

const MAC = /^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/i;

/** `virtio=BC:24:11:00:00:01,bridge=vmbr0` with another address; `virtio,bridge=vmbr0` gets one as `macaddr`. */
function withNewMac(line: Property, identity: IdentitySource): GuestConfigLine {
  const properties = parsePropertiesOf(line.key, line.value, 'model');
  const key = [...properties].find(([, value]) => MAC.test(value))?.[0] ?? 'macaddr';
  return withLineValue(line, replaceProperty(line.value, key, identity.mac(), 'model'));
}

function withLineValue(line: Property, value: string): GuestConfigLine {
  return { ...line, value, text: `${line.key}: ${value}${lineEnd(line.text)}` };
}
