// Prints what the npm package "sharp-phash" makes of the pictures given.
// Usage: npm install sharp-phash@2.2.0 sharp@0.35 && node print_phash.js PICTURE... > expected.json
const { basename } = require("path");
const phash = require("sharp-phash");
(async () => {
  const hashes = {};
  for (const file of process.argv.slice(2).sort()) {
    hashes[basename(file)] = BigInt("0b" + (await phash(file))).toString(16).padStart(16, "0");
  }
  console.log(JSON.stringify(hashes, null, 1));
})();
