import { serveJobs } from '../workers/serve.js';
import { type LzoJob, type LzoResult, runLzoJob } from './jobs.js';

serveJobs<LzoJob, LzoResult>((job) => {
  const result = runLzoJob(job);
  return { result, transfer: [result.input.buffer, result.output.buffer] };
});
