import { createRequire } from 'node:module';
import { promisify } from 'node:util';
import type { KoffiFunc, LibraryHandle } from 'koffi';

/** A context of the library, as it gives it: memory of its own, which has to be freed. */
export type Context = object & { readonly brand: 'libzstd context' };

/** `ZSTD_inBuffer` and `ZSTD_outBuffer`: memory, and how far into it the call came. */
interface InBuffer {
  src: Uint8Array;
  size: number;
  pos: number;
}
interface OutBuffer {
  dst: Uint8Array;
  size: number;
  pos: number;
}

/**
 * A function of the library, on Node's thread pool; what it answers, or the negative of an error's number.
 */
type PooledCall<Args extends readonly unknown[]> = (...args: Args) => Promise<number>;

/**
 * The calls of zstd.h (1.4 and newer) that are needed here. Sizes come back as numbers; an error is a
 * negative one.
 */
export interface Libzstd {
  /** Its version, as `1.5.4`. */
  readonly version: string;
  errorName(result: number): string;
  createCompressor(): Context;
  /** Waits for the library's own threads, which may have a job to finish. */
  freeCompressor: PooledCall<[context: Context]>;
  setCompression(context: Context, parameter: number, value: number): number;
  compress: PooledCall<[context: Context, to: Uint8Array, room: number, from: Uint8Array, length: number]>;
  compressStream: PooledCall<[context: Context, to: OutBuffer, from: InBuffer, directive: number]>;
  createDecompressor(): Context;
  freeDecompressor(context: Context): void;
  setDecompression(context: Context, parameter: number, value: number): number;
  resetDecompressor(context: Context, directive: number): number;
  decompress: PooledCall<[context: Context, to: Uint8Array, room: number, from: Uint8Array, length: number]>;
  decompressWithDictionary: PooledCall<
    [
      ...[context: Context, to: Uint8Array, room: number, from: Uint8Array, length: number],
      ...[dictionary: Uint8Array, size: number],
    ]
  >;
  /** Of the frames that are decompressed as streams from now on; `null` for none. Its memory must stay. */
  setDictionary: PooledCall<[context: Context, dictionary: Uint8Array | null, size: number]>;
  decompressStream: PooledCall<[context: Context, to: OutBuffer, from: InBuffer]>;
}

/** `ZSTD_cParameter`. */
export const C_LEVEL = 100;
export const C_WINDOW_LOG = 101;
export const C_LONG_DISTANCE_MATCHING = 160;
export const C_CHECKSUM = 201;
export const C_WORKERS = 400;
/** `ZSTD_dParameter`. */
export const D_WINDOW_LOG_MAX = 100;
/** `ZSTD_EndDirective`. */
export const CONTINUE = 0;
export const END = 2;
/** `ZSTD_ResetDirective`. */
export const RESET_SESSION = 1;

const NAMES: Partial<Record<NodeJS.Platform, string>> = {
  linux: 'libzstd.so.1',
  darwin: 'libzstd.1.dylib',
};
const OLDEST = 10400;

let loaded: Libzstd | undefined;

/**
 * The system's library, which all of Debian, and so every Proxmox VE, has.
 * @throws Error where it is not there, is too old, would get into Node's own, or koffi is not installed
 */
export function loadLibzstd(): Libzstd {
  loaded ??= bind(createRequire(import.meta.url)('koffi') as typeof import('koffi'));
  return loaded;
}

function bind(koffi: typeof import('koffi')): Libzstd {
  const name = NAMES[process.platform];
  if (name === undefined) throw new Error(`no libzstd is known of ${process.platform}`);
  if (!canBeIsolated(functionsOf(koffi.load(null))))
    throw new Error(`${name} would get into Node's own zstd`);
  const library = koffi.load(name, { deep: true });
  const number: number = library.func('uint ZSTD_versionNumber()')();
  if (number < OLDEST) throw new Error(`${name} is of version ${number}, older than ${OLDEST}`);
  const input = koffi.struct({ src: 'const void *', size: 'size_t', pos: 'size_t' });
  const output = koffi.struct({ dst: 'void *', size: 'size_t', pos: 'size_t' });
  const both = (type: typeof input) => koffi.inout(koffi.pointer(type));
  return {
    version: library.func('const char *ZSTD_versionString()')(),
    errorName: library.func('const char *ZSTD_getErrorName(int64_t)'),
    createCompressor: library.func('void *ZSTD_createCCtx()'),
    freeCompressor: pooled(library.func('int64_t ZSTD_freeCCtx(void *)')),
    setCompression: library.func('int64_t ZSTD_CCtx_setParameter(void *, int, int)'),
    compress: pooled(library.func('int64_t ZSTD_compress2(void *, void *, size_t, const void *, size_t)')),
    compressStream: pooled(
      library.func('ZSTD_compressStream2', 'int64_t', ['void *', both(output), both(input), 'int']),
    ),
    createDecompressor: library.func('void *ZSTD_createDCtx()'),
    freeDecompressor: library.func('size_t ZSTD_freeDCtx(void *)'),
    setDecompression: library.func('int64_t ZSTD_DCtx_setParameter(void *, int, int)'),
    resetDecompressor: library.func('int64_t ZSTD_DCtx_reset(void *, int)'),
    decompress: pooled(
      library.func('int64_t ZSTD_decompressDCtx(void *, void *, size_t, const void *, size_t)'),
    ),
    decompressWithDictionary: pooled(
      library.func(
        'int64_t ZSTD_decompress_usingDict(void *, void *, size_t, const void *, size_t, const void *, size_t)',
      ),
    ),
    // A copy may take 128 MiB; the call that makes none is not part of the stable interface.
    setDictionary: pooled(
      library.func(
        functionsOf(library)('ZSTD_DCtx_loadDictionary_byReference')
          ? 'int64_t ZSTD_DCtx_loadDictionary_byReference(void *, const void *, size_t)'
          : 'int64_t ZSTD_DCtx_loadDictionary(void *, const void *, size_t)',
      ),
    ),
    decompressStream: pooled(
      library.func('ZSTD_decompressStream', 'int64_t', ['void *', both(output), both(input)]),
    ),
  };
}

/**
 * Whether the library's calls of itself end in itself. From 22.15 on, Node exports zstd's functions, and the
 * dynamic linker would bind the library's inner calls to those of another version, which ends in a crash.
 * glibc can be told not to (`deep`).
 * @param hasFunction whether the running program, with all that it has loaded, has a function of this name
 */
export function canBeIsolated(hasFunction: (name: string) => boolean): boolean {
  return hasFunction('gnu_get_libc_version') || !hasFunction('ZSTD_versionNumber');
}

function functionsOf(library: LibraryHandle): (name: string) => boolean {
  return (name) => {
    try {
      library.func(`void ${name}()`);
      return true;
    } catch {
      return false;
    }
  };
}

function pooled<Args extends readonly unknown[]>(
  call: KoffiFunc<(...args: Args) => number>,
): PooledCall<Args> {
  return promisify(call.async) as PooledCall<Args>;
}
