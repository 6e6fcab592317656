import {
  badPxars,
  type GoldenPxar,
  goldenPxars,
  type PxarCase,
  vectorBytes,
} from '@vzdump-format/test-vectors';

export interface VectorBytes {
  readonly archive: Buffer;
  readonly payload: Buffer | undefined;
}

export type GoldenVector = GoldenPxar & VectorBytes;
export type BadVector = Omit<PxarCase, 'archive' | 'payload'> & VectorBytes;

export function goldenVectors(): (Omit<GoldenPxar, 'archive' | 'payload'> & VectorBytes)[] {
  return goldenPxars().map((vector) => ({ ...vector, ...bytesOf('pxar', vector.archive, vector.payload) }));
}

export function badVectors(): BadVector[] {
  return badPxars().map((vector) => ({
    ...vector,
    ...bytesOf('pxar-bad', vector.archive, vector.payload ?? undefined),
  }));
}

function bytesOf(folder: string, archive: string, payload: string | undefined): VectorBytes {
  return {
    archive: vectorBytes(`${folder}/${archive}`),
    payload: payload === undefined ? undefined : vectorBytes(`${folder}/${payload}`),
  };
}
