import fc from 'fast-check';

const KEYS = ['boot', 'cores', 'net0', 'scsi0', 'unused1', 'amd-sev', 'lock', 'mp0', 'rootfs', 'x_y9'];

const line = fc.oneof(
  fc
    .tuple(fc.constantFrom(...KEYS), fc.constantFrom(':', ': ', ':\t ', ''), fc.string())
    .map((parts) => parts.join('')),
  fc.string().map((text) => `#${text}`),
  fc.string().map((text) => `lxc.idmap: ${text}`),
  fc.constantFrom('', ' ', '[PENDING]', '[pve:pending]', '[special:fleecing]', '[snap]', '[Other_1] ', '['),
  fc.string(),
);

const end = fc.constantFrom('\n', '\r\n', '\n\n', '\r');

/** Text like a guest's configuration, sound and unsound, with and without a line feed at its end. */
export const anyConfigText = fc
  .tuple(fc.array(fc.tuple(line, end)), fc.option(line))
  .map(([lines, last]) => lines.map((parts) => parts.join('')).join('') + (last ?? ''));
