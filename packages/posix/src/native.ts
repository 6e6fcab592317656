import { createRequire } from 'node:module';
import { getSystemErrorMap } from 'node:util';

type NativeFunction = (...args: unknown[]) => number | bigint;

interface NativeLibrary {
  /** Binds a function of the C library by its prototype. */
  bind(prototype: string): NativeFunction;
  /** The error number of the last failed call on this thread. */
  errno(): number;
}

let loaded: NativeLibrary | null | undefined;

/**
 * The C library, or `null` where there is none to call: another system than 64-bit Linux, or an installation
 * without koffi's binary. Loaded at the first call, since that takes some 20 ms.
 */
export function nativeLibrary(): NativeLibrary | null {
  loaded ??= load();
  return loaded;
}

function load(): NativeLibrary | null {
  if (process.platform !== 'linux' || !['x64', 'arm64', 'ppc64', 's390x', 'riscv64'].includes(process.arch)) {
    return null;
  }
  try {
    const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi');
    const library = koffi.load(null);
    return { bind: (prototype) => library.func(prototype), errno: () => koffi.errno() };
  } catch {
    return null;
  }
}

/** A Node-style system error: `code`, `errno`, `syscall`, and the message that Node gives it. */
export function systemError(errno: number, syscall: string): NodeJS.ErrnoException {
  const [code, message] = getSystemErrorMap().get(-errno) ?? [`E${errno}`, 'unknown system error'];
  return Object.assign(new Error(`${code}: ${message}, ${syscall}`), { code, errno: -errno, syscall });
}
