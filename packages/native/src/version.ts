/** The version of this package; the addon carries the same, and a test holds it to package.json. */
export const VERSION = '0.1.0'
