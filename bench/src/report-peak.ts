import { writeFileSync } from 'node:fs';

// Loaded into a measured program: tells its peak memory, in KiB, when it ends.
process.on('exit', () => writeFileSync(process.env.PEAK_REPORT!, String(process.resourceUsage().maxRSS)));
