// Prints what the npm package "exif" reads from the JPEG files given, binary fields as text, as ImageKit shows them.
// Usage: npm install exif@0.6.0 && node print_exif.js *.jpg > expected.json
const { ExifImage } = require("exif");
const asText = (key, value) =>
  value && value.type === "Buffer" ? Buffer.from(value.data).toString("latin1") : value;
const found = {};
const files = process.argv.slice(2).sort();
let waiting = files.length;
for (const file of files) {
  new ExifImage({ image: file }, (error, data) => {
    if (error) throw error;
    delete data.exif.MakerNote;
    data.makernote = {};
    found[file] = data;
    if (--waiting === 0) {
      const ordered = Object.fromEntries(files.map((name) => [name, found[name]]));
      console.log(JSON.stringify(ordered, asText, 1));
    }
  });
}
