// What the page tells its script: the samples on the map as typed arrays, the clusters, the texts.

function decode(text, Type) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  return new Type(bytes.buffer);
}

function readData() {
  const data = JSON.parse(document.getElementById("data").textContent);
  for (const [name, Type] of [["rows", Int32Array], ["x", Uint16Array], ["y", Uint16Array], ["labels", Int32Array]]) {
    data[name] = decode(data[name], Type);
  }
  if (data.thumbnails) data.thumbnails.of = decode(data.thumbnails.of, Int32Array);
  return data;
}
