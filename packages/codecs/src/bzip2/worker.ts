import { serveJobs } from '../workers/serve.js';
import { Bunzip, type Step } from './bunzip.js';

export interface BunzipJob {
  readonly chunk: Uint8Array;
  readonly atEnd: boolean;
}

const bunzip = new Bunzip();

serveJobs<BunzipJob, Step>(({ chunk, atEnd }) => {
  bunzip.add(chunk);
  const step = bunzip.step(atEnd);
  return { result: step, transfer: step.kind === 'content' ? step.pieces.map(({ buffer }) => buffer) : [] };
});
