import { createHash, type Hash } from 'node:crypto';
import { lending } from '@vzdump-format/testing';
import type { VmaRecord } from '../read/unpack.js';

const ZEROS = Buffer.alloc(1 << 20);

/** SHA-256 of each device's content by id, the runs put into order. */
export async function deviceHashes(records: AsyncIterable<VmaRecord>): Promise<Record<number, string>> {
  const contents = new Map<number, { size: number; runs: { offset: number; bytes: Buffer }[] }>();
  for await (const record of lending(records)) {
    if (record.kind === 'header') {
      for (const { id, size } of record.header.devices) contents.set(id, { size, runs: [] });
    } else if (record.kind === 'data') {
      const { device, offset, data } = record;
      contents.get(device.id)!.runs.push({ offset, bytes: Buffer.from(data) });
    }
  }
  return Object.fromEntries(
    [...contents].map(([id, { size, runs }]) => {
      const hash = createHash('sha256');
      let at = 0;
      for (const { offset, bytes } of runs.sort((a, b) => a.offset - b.offset)) {
        hashZeros(hash, offset - at);
        hash.update(bytes);
        at = offset + bytes.length;
      }
      hashZeros(hash, size - at);
      return [id, hash.digest('hex')];
    }),
  );
}

export function hashZeros(hash: Hash, length: number): void {
  for (let left = length; left > 0; left -= ZEROS.length) {
    hash.update(ZEROS.subarray(0, Math.min(left, ZEROS.length)));
  }
}

/**
 * What records hold, whichever pieces they come in: one line for each run, and one with the digest of the
 * data of all.
 */
export async function describeRecords(records: AsyncIterable<VmaRecord>): Promise<string[]> {
  const lines: string[] = [];
  const hash = createHash('sha256');
  let last: { kind: string; id: number; offset: number; end: number } | undefined;
  const finishRun = () => {
    if (last) lines.push(`${last.id}: ${last.kind} ${last.offset}..${last.end}`);
  };
  for await (const record of lending(records)) {
    if (record.kind === 'header') {
      const { uuid, ctime, configs, devices } = record.header;
      lines.push(`header ${uuid} ${ctime}`);
      lines.push(
        ...configs.map(({ name, data }) => `config ${name} ${Buffer.from(data).toString('base64')}`),
      );
      lines.push(...devices.map(({ id, name, size }) => `device ${id} ${name} ${size}`));
      continue;
    }
    const { kind, device, offset } = record;
    if (kind === 'data') hash.update(record.data);
    const end = offset + (kind === 'data' ? record.data.length : record.length);
    if (last?.kind === kind && last.id === device.id && last.end === offset) {
      last.end = end;
    } else {
      finishRun();
      last = { kind, id: device.id, offset, end };
    }
  }
  finishRun();
  return [...lines, `data ${hash.digest('hex')}`];
}
