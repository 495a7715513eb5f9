// Draws all points at once, into the pixels of a canvas: a disc each, blended over what is there.

const OPACITY = 0.8;
const FAINT = 0.16; // of the clusters that are not chosen

class Painter {
  constructor(canvas, data) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d", { alpha: false });
    this.data = data;
    this.colors = new Map(data.clusters.map(({ number, color }) => [number, rgb(color)]));
    this.order = shuffled(data.x.length); // so that no cluster covers the others
  }

  resize(width, height) {
    this.ratio = Math.min(window.devicePixelRatio || 1, 2);
    this.canvas.width = Math.max(1, Math.round(width * this.ratio));
    this.canvas.height = Math.max(1, Math.round(height * this.ratio));
    this.image = this.context.createImageData(this.canvas.width, this.canvas.height);
  }

  radius(zoom) {
    const own = Math.sqrt(12000 / this.data.x.length);
    return Math.max(1, Math.min(3, own)) * Math.min(zoom ** 0.3, 2.5);
  }

  // Draw the points, at most so many of them.
  draw(view, chosen, most = Infinity) {
    const style = getComputedStyle(this.canvas);
    const paper = numbers(style.backgroundColor);
    new Uint32Array(this.image.data.buffer).fill(
      (255 << 24) | (paper[2] << 16) | (paper[1] << 8) | paper[0],
    );
    const radius = this.radius(view.zoom) * this.ratio;
    const ink = numbers(style.color);
    if (chosen !== null) {
      this.stampAll(view, this.stampOf(radius, FAINT), most, (label) => (label === chosen ? null : ink));
    }
    this.stampAll(view, this.stampOf(radius, OPACITY), most, (label) =>
      chosen === null || label === chosen ? this.colors.get(label) : null,
    );
  }

  // Show what is drawn, and above it the numbers of clusters and a ring.
  show(view, chosen, marked) {
    const style = getComputedStyle(this.canvas);
    this.context.putImageData(this.image, 0, 0);
    this.write(view, chosen, style);
    if (marked >= 0) this.mark(view, marked, style);
  }

  // Return which pixels a disc covers: their steps from its middle, and how much, of 256.
  stampOf(radius, opacity) {
    const reach = Math.ceil(radius);
    const stamp = { reach, steps: [], covers: [] };
    for (let y = -reach; y <= reach; y++) {
      for (let x = -reach; x <= reach; x++) {
        const cover = Math.max(0, Math.min(1, radius + 0.5 - Math.hypot(x, y)));
        if (cover === 0) continue;
        stamp.steps.push(4 * (y * this.canvas.width + x));
        stamp.covers.push(Math.round(256 * opacity * cover));
      }
    }
    return stamp;
  }

  // `colorOf` gives the colour of a cluster, or null for one that is left out.
  stampAll(view, { reach, steps, covers }, most, colorOf) {
    const { x, y, labels } = this.data;
    const { width, height } = this.canvas;
    const pixels = new Uint8Array(this.image.data.buffer);
    const colors = new Map([...this.colors.keys()].map((label) => [label, colorOf(label)]));
    const scale = view.scale * this.ratio;
    const left = width / 2 - view.center[0] * scale;
    const bottom = height / 2 + view.center[1] * scale;
    const count = Math.min(this.order.length, most);
    for (let index = 0; index < count; index++) {
      const point = this.order[index];
      const color = colors.get(labels[point]);
      if (!color) continue;
      const column = Math.round(x[point] * scale + left);
      const row = Math.round(bottom - y[point] * scale);
      if (column < reach || row < reach || column >= width - reach || row >= height - reach) continue;
      const [red, green, blue] = color;
      const middle = 4 * (row * width + column);
      for (let part = 0; part < steps.length; part++) {
        const place = middle + steps[part];
        const cover = covers[part];
        pixels[place] += ((red - pixels[place]) * cover) >> 8;
        pixels[place + 1] += ((green - pixels[place + 1]) * cover) >> 8;
        pixels[place + 2] += ((blue - pixels[place + 2]) * cover) >> 8;
      }
    }
  }

  // Write the number of each cluster where most of it lies.
  write(view, chosen, style) {
    const { context, ratio } = this;
    context.font = `700 ${15 * ratio}px system-ui, sans-serif`;
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.lineWidth = 4 * ratio;
    context.lineJoin = "round";
    context.strokeStyle = style.backgroundColor;
    context.fillStyle = style.color;
    for (const { number, place } of this.data.clusters) {
      if (!place || (chosen !== null && chosen !== number)) continue;
      const [left, top] = view.toPixels(place[0] * FINEST, place[1] * FINEST);
      context.strokeText(number, left * ratio, top * ratio);
      context.fillText(number, left * ratio, top * ratio);
    }
  }

  // Draw a ring around a point.
  mark(view, point, style) {
    const { context, ratio } = this;
    const [left, top] = view.toPixels(this.data.x[point], this.data.y[point]);
    context.beginPath();
    context.arc(left * ratio, top * ratio, (this.radius(view.zoom) + 3) * ratio, 0, 2 * Math.PI);
    context.lineWidth = 2 * ratio;
    context.strokeStyle = style.color;
    context.stroke();
  }
}

function shuffled(count) {
  const order = Int32Array.from({ length: count }, (_, index) => index);
  let state = 1;
  for (let last = count - 1; last > 0; last--) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0; // the same order each time
    const other = Math.floor((state / 2 ** 32) * (last + 1));
    [order[last], order[other]] = [order[other], order[last]];
  }
  return order;
}

function rgb(color) {
  return [1, 3, 5].map((start) => parseInt(color.slice(start, start + 2), 16));
}

function numbers(color) {
  return color.match(/[\d.]+/g).slice(0, 3).map(Number);
}
