import { serveJobs } from '../workers/serve.js';
import { type LzoJob, type LzoResult, runLzoJob } from './jobs.js';

serveJobs<LzoJob, LzoResult>((job) => ({ result: runLzoJob(job) }));
