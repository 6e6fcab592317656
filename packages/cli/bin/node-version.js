module.exports = { tooOld };

/** The `engines` of every package.json. */
const MAJOR = 20;
const MINOR = 19;

/**
 * What is wrong with this version of Node, if it is too old.
 * @param {string} version as `20.19.0`
 */
function tooOld(version) {
  const parts = version.split('.').map(Number);
  if (parts[0] > MAJOR || (parts[0] === MAJOR && parts[1] >= MINOR)) return undefined;
  return `needs Node.js ${MAJOR}.${MINOR} or newer, and this is ${version} (${process.execPath})`;
}
