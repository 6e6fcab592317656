import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

// Tests run on the sources; worker threads and the command line run from `dist`, which `npm test` builds
// first.
const conditions = ['source', 'node', 'import', 'default'];

// biome-ignore lint/style/noDefaultExport: vitest wants one
export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    include: ['{packages,formats}/*/{src,test}/**/*.test.ts', 'test/**/*.test.ts'],
    // Many tests wait for programs: of two processors, both are to have something to do.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    testTimeout: 60_000,
    hookTimeout: 60_000,
    reporters: ['default'],
  },
});
