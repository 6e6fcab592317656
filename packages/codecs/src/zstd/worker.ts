import binding from 'zstd-napi/binding.js';
import { serveJobs } from '../workers/serve.js';
import { type NapiJob, NapiJobs, type NapiResult } from './napi-jobs.js';

const jobs = new NapiJobs(binding);

serveJobs<NapiJob, NapiResult>((job) => ({ result: jobs.run(job) }));
