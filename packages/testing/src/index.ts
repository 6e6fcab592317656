export { isMet, testWith } from './requirements.js';
export { openFilesIn, scratch } from './scratch.js';
export { awkwardZones, useTimeZone } from './time-zone.js';
