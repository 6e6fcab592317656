import { serveJobs } from '../workers/serve.js';
import { type HashJob, hashJobs } from './checkpoints/content-hasher.js';

const run = await hashJobs();

serveJobs<HashJob, number[]>((job) => ({ result: run(job) }));
