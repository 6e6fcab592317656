// Bundled in place of `require('koffi')`.
import { existsSync } from 'node:fs';

/** The usual processors, and what the C library calls them in file names. */
const MACHINES = { x64: 'x86_64', arm64: 'aarch64' };

/**
 * Loads koffi's binary from where npm puts it, since koffi itself takes 8 ms to find it, a tenth of a short
 * command. koffi does it wherever that is not so, or not this version, or where the C library may not be
 * glibc.
 */
export function requireKoffi(require, version) {
  const { platform, arch } = process;
  const machine = MACHINES[arch];
  if (platform === 'linux' && machine !== undefined && !existsSync(`/lib/ld-musl-${machine}.so.1`)) {
    try {
      const binary = require(`@koromix/koffi-linux-${arch}/linux_${arch}/koffi.node`);
      if (binary.version === version) return binary;
    } catch {}
  }
  return require('koffi');
}
