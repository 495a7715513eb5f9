// Which part of the map is seen: from coordinates of points, 0 to FINEST, to pixels and back.

const CLOSEST = 60; // times the view of the whole
const MOST = 0.01; // of the samples, on each side
const MARGIN = 0.06; // of the shorter side

class View {
  constructor() {
    this.zoom = 1;
    this.center = [FINEST / 2, FINEST / 2];
    this.resize(1, 1);
  }

  resize(width, height) {
    this.width = width;
    this.height = height;
  }

  // Pixels for one unit of a coordinate.
  get scale() {
    return (this.zoom * Math.min(this.width, this.height) * (1 - 2 * MARGIN)) / FINEST;
  }

  toPixels(x, y) {
    const { scale, center } = this;
    return [(x - center[0]) * scale + this.width / 2, this.height / 2 - (y - center[1]) * scale];
  }

  fromPixels(left, top) {
    const { scale, center } = this;
    return [(left - this.width / 2) / scale + center[0], (this.height / 2 - top) / scale + center[1]];
  }

  // Zoom so that what is under a pixel stays there.
  zoomAt(factor, left = this.width / 2, top = this.height / 2) {
    const before = this.fromPixels(left, top);
    this.zoom = Math.max(1, Math.min(CLOSEST, this.zoom * factor));
    const after = this.fromPixels(left, top);
    this.moveTo(this.center[0] + before[0] - after[0], this.center[1] + before[1] - after[1]);
  }

  moveBy(left, top) {
    this.moveTo(this.center[0] - left / this.scale, this.center[1] + top / this.scale);
  }

  // The middle stays on the map.
  moveTo(x, y) {
    this.center = [x, y].map((value) => Math.max(0, Math.min(FINEST, value)));
  }

  // Leave out the few samples that lie far off, if all others have little room beside them.
  showMost(x, y) {
    const ends = [x, y].map((values) => {
      const sorted = values.slice().sort();
      const at = (share) => sorted[Math.round(share * (sorted.length - 1))];
      return [at(MOST), at(1 - MOST)];
    });
    const extent = 1.2 * Math.max(...ends.map(([low, high]) => high - low));
    this.zoom = extent > 0 && extent < FINEST / 1.6 ? Math.min(FINEST / extent, CLOSEST) : 1;
    if (this.zoom > 1) this.center = ends.map(([low, high]) => (low + high) / 2);
  }

  showAll() {
    this.zoom = 1;
    this.center = [FINEST / 2, FINEST / 2];
  }
}
