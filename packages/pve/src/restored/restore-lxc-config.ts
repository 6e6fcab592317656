import type { OnWarning } from '@vzdump-format/streams';
import { flattenedLxcConfig } from '../guest/archive-config.js';
import { withDescription, withoutKeys, withoutLines, withValue } from '../guest/edit-guest-config.js';
import { configValue, configValues, type GuestConfig, rawLxcLines } from '../guest/guest-config.js';
import { isUnprivileged } from '../guest/id-map.js';
import type { IdentitySource } from '../guest/identity.js';
import { parsePropertiesOf, replaceProperty } from '../syntax/config-values.js';

export interface RestoreLxcConfigOptions {
  readonly vmid: number;
  /** rootfs and mount points as they are now, by key: `rootfs` → `local:300/vm-300-disk-0.raw,size=4G`. */
  readonly mountPoints: ReadonlyMap<string, string>;
  /** What the command line says, by key: it wins. */
  readonly overrides?: ReadonlyMap<string, string>;
  /** As in the archive unless given. */
  readonly unprivileged?: boolean | undefined;
  /** Whether the container gets MAC addresses of its own. */
  readonly unique?: boolean;
  readonly identity: IdentitySource;
  /**
   * Whether whoever restores is not root@pam: lines for LXC are then left out, with the warning
   * `CONFIG_RAW_LXC`, and so are `features` when the container becomes privileged.
   */
  readonly restricted?: boolean;
  readonly onWarning?: OnWarning | undefined;
}

/** What a restore never takes out of an archive. */
const NEVER_TAKEN = /^(?:digest|lock|mp\d+|parent|pending|rootfs|snapshots|template|unprivileged|unused\d+)$/;

/**
 * The configuration out of a container's archive, as `pct restore` merges it: flattened, without what
 * concerns the container that it came from, with its mount points as they are now, and with defaults for host
 * name, memory and swap.
 * @throws `CONFIG_VALUE`
 */
export function restoreLxcConfig(archived: GuestConfig, options: RestoreLxcConfigOptions): GuestConfig {
  const { vmid, mountPoints, overrides = new Map<string, string>() } = options;
  const unprivileged = options.unprivileged ?? isUnprivileged(archived);
  const taken = withoutKeys(flattenedLxcConfig(archived), (key) => NEVER_TAKEN.test(key));
  let config =
    options.restricted === true ? restrict(taken, isUnprivileged(archived) && !unprivileged, options) : taken;
  const values = new Map([
    ...withDefaults(config, vmid),
    ...overrides,
    ...mountPoints,
    ...(unprivileged ? [['unprivileged', '1'] as const] : []),
  ]);
  for (const [key, value] of values) {
    config = key === 'description' ? withDescription(config, value) : withValue(config, key, value);
  }
  const { identity, unique = false } = options;
  return withNewMacs(config, identity, (key, value) => unique || (overrides.has(key) && !hasMac(key, value)));
}

function withDefaults(config: GuestConfig, vmid: number): readonly (readonly [string, string])[] {
  const defaults = [
    ['hostname', `CT${vmid}`],
    ['memory', '512'],
    ['swap', '512'],
  ] as const;
  return defaults.filter(([key]) => configValue(config, key) === undefined);
}

function restrict(
  config: GuestConfig,
  becomesPrivileged: boolean,
  { onWarning }: RestoreLxcConfigOptions,
): GuestConfig {
  const raw = rawLxcLines(config);
  if (raw.length > 0) {
    const lines = raw.map(([key, value]) => `${key}: ${value}`).join(', ');
    onWarning?.({
      code: 'CONFIG_RAW_LXC',
      message: `only root may restore lines for LXC, left out: ${lines}`,
    });
  }
  const withoutRaw = withoutLines(config, ({ kind }) => kind === 'raw');
  return becomesPrivileged ? withoutKeys(withoutRaw, (key) => key === 'features') : withoutRaw;
}

/** A network card that is added without an address gets one, lest it have another at each start. */
function hasMac(key: string, value: string): boolean {
  return parsePropertiesOf(key, value).has('hwaddr');
}

function withNewMacs(
  config: GuestConfig,
  identity: IdentitySource,
  wantsOne: (key: string, value: string) => boolean,
): GuestConfig {
  const networks = [...configValues(config)].filter(
    ([key, value]) => /^net\d+$/.test(key) && wantsOne(key, value),
  );
  return networks.reduce(
    (result, [key, value]) => withValue(result, key, replaceProperty(value, 'hwaddr', identity.mac())),
    config,
  );
}
