// The map: what hands, keys and the legend do with it.

const NEAR = 14; // pixels around a pointer in which a point is found
const STEP = 60; // pixels that an arrow key moves
const SLOW = 20; // milliseconds of a drawing
const REST = 150; // milliseconds without a move
const MOST_MOVING = 20000; // points

class ClusterMap {
  constructor(data) {
    this.data = data;
    this.canvas = document.getElementById("map");
    this.hint = document.getElementById("hint");
    this.told = document.getElementById("told");
    this.grid = new PointGrid(data.x, data.y);
    this.painter = new Painter(this.canvas, data);
    this.view = new View();
    this.view.showMost(data.x, data.y);
    this.chosen = null;
    this.marked = -1;
    this.pointers = new Map();
    this.fillLegend();
    this.listen();
    document.getElementById("outside").hidden = this.view.zoom === 1;
  }

  // ---------------------------------------------------------------- drawing

  // Draw in the next frame: all, or the ring alone if points stay where they are.
  later(isNew = true) {
    this.isNew ||= isNew;
    this.frame ??= requestAnimationFrame(() => {
      this.frame = undefined;
      if (this.isNew) this.draw();
      this.isNew = false;
      this.painter.show(this.view, this.chosen, this.marked);
    });
  }

  // On a slow machine a part of the points is drawn while the map moves, and all when it rests.
  draw() {
    const start = performance.now();
    const isPart = this.isMoving && this.isSlow;
    this.painter.draw(this.view, this.chosen, isPart ? MOST_MOVING : Infinity);
    const milliseconds = performance.now() - start;
    if (!isPart) this.isSlow = milliseconds > SLOW;
    clearTimeout(this.rest);
    if (isPart) this.rest = setTimeout(() => this.later(), REST);
    this.isMoving = false;
    const { dataset, style } = this.canvas;
    dataset.milliseconds = milliseconds.toFixed(1);
    dataset.zoom = this.view.zoom.toFixed(3);
    // a finger scrolls the page while all is seen, and moves the map when there is more
    style.touchAction = this.view.zoom > 1 ? "none" : "pan-y";
  }

  fit() {
    const { clientWidth, clientHeight } = this.canvas;
    this.view.resize(clientWidth, clientHeight);
    this.painter.resize(clientWidth, clientHeight);
    this.later();
  }

  change(action) {
    this.show(-1);
    action();
    this.isMoving = true;
    this.later();
  }

  // ---------------------------------------------------------------- samples

  find(left, top, reach = NEAR) {
    const isTaken = (point) => this.chosen === null || this.data.labels[point] === this.chosen;
    return this.grid.nearest(...this.view.fromPixels(left, top), reach / this.view.scale, isTaken);
  }

  describe(point) {
    const label = this.data.labels[point];
    return `row ${this.data.rows[point]} \u00b7 ${label < 0 ? "no cluster" : `cluster ${label}`}`;
  }

  show(point) {
    if (point === this.marked) return;
    this.marked = point;
    this.hint.hidden = point < 0;
    if (point >= 0) this.fillHint(point);
    this.later(false);
  }

  fillHint(point) {
    const text = this.data.texts?.[point];
    this.hint.replaceChildren(...[this.thumbnail(point), text && made("q", text), made("small", this.describe(point))].filter(Boolean));
    const [left, top] = this.view.toPixels(this.data.x[point], this.data.y[point]);
    const { clientWidth, clientHeight } = this.canvas;
    const room = [this.hint.offsetWidth, this.hint.offsetHeight];
    const beside = left + 14 + room[0] > clientWidth ? left - 14 - room[0] : left + 14;
    const below = top + 14 + room[1] > clientHeight ? top - 14 - room[1] : top + 14;
    this.hint.style.left = `${Math.max(4, Math.min(clientWidth - room[0] - 4, beside))}px`;
    this.hint.style.top = `${Math.max(4, below)}px`;
  }

  thumbnail(point) {
    const sheet = this.data.thumbnails;
    const place = sheet ? sheet.of[point] : -1;
    if (place < 0) return null;
    const picture = made("span");
    picture.className = "thumbnail";
    const share = (index, count) => (100 * index) / Math.max(count - 1, 1);
    picture.style.backgroundPosition = `${share(place % sheet.columns, sheet.columns)}% ${share(Math.floor(place / sheet.columns), sheet.lines)}%`;
    return picture;
  }

  // ---------------------------------------------------------------- legend

  fillLegend() {
    const legend = document.getElementById("legend");
    for (const { number, size, color } of this.data.clusters) {
      const name = number < 0 ? "no cluster" : String(number);
      const swatch = made("span");
      swatch.className = "swatch";
      swatch.style.background = color;
      const button = made("button");
      button.type = "button";
      button.dataset.cluster = number;
      button.setAttribute("aria-pressed", "false");
      button.setAttribute("aria-label", `${number < 0 ? name : `cluster ${name}`}, ${size} samples`);
      button.append(swatch, name, made("small", size.toLocaleString("en")));
      button.addEventListener("click", () => this.choose(this.chosen === number ? null : number));
      legend.append(button);
    }
  }

  choose(number) {
    this.chosen = number;
    for (const button of document.querySelectorAll("#legend button")) {
      button.setAttribute("aria-pressed", String(number !== null && button.dataset.cluster === String(number)));
    }
    this.show(-1);
    if (number !== null && !this.isSeen(number)) this.view.showAll();
    this.told.textContent = number === null ? "All clusters are shown." : `${number < 0 ? "Samples of no cluster" : `Cluster ${number}`} alone.`;
    this.later();
  }

  // Tell whether the number of a cluster is in sight.
  isSeen(number) {
    const { place } = this.data.clusters.find((cluster) => cluster.number === number);
    if (!place) return this.view.zoom === 1;
    const [left, top] = this.view.toPixels(place[0] * FINEST, place[1] * FINEST);
    return left > 0 && top > 0 && left < this.canvas.clientWidth && top < this.canvas.clientHeight;
  }

  // ---------------------------------------------------------------- hands and keys

  listen() {
    const { canvas, view } = this;
    new ResizeObserver(() => this.fit()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.later());
    canvas.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    canvas.addEventListener("pointerdown", (event) => this.press(event));
    canvas.addEventListener("pointermove", (event) => this.move(event));
    for (const kind of ["pointerup", "pointercancel"]) canvas.addEventListener(kind, (event) => this.release(event));
    canvas.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && !this.pointers.size && this.show(-1));
    canvas.addEventListener("keydown", (event) => this.key(event));
    const zooms = { in: () => view.zoomAt(1.6), out: () => view.zoomAt(1 / 1.6), all: () => view.showAll() };
    for (const button of document.querySelectorAll("[data-zoom]")) {
      if (zooms[button.dataset.zoom]) button.addEventListener("click", () => this.change(zooms[button.dataset.zoom]));
    }
  }

  wheel(event) {
    if (event.deltaY > 0 && this.view.zoom <= 1) return; // the page scrolls
    event.preventDefault();
    const pixels = event.deltaY * (event.deltaMode === 1 ? 16 : 1);
    this.change(() => this.view.zoomAt(Math.exp(-pixels / 400), event.offsetX, event.offsetY));
  }

  press(event) {
    this.canvas.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, [event.offsetX, event.offsetY]);
    this.way = 0;
  }

  move(event) {
    const before = this.pointers.get(event.pointerId);
    const now = [event.offsetX, event.offsetY];
    if (!before) {
      this.show(this.find(...now));
      return;
    }
    const step = [now[0] - before[0], now[1] - before[1]];
    this.way += Math.hypot(...step);
    const other = [...this.pointers].find(([id]) => id !== event.pointerId)?.[1];
    this.pointers.set(event.pointerId, now);
    if (other) this.pinch(before, now, other);
    else if (this.way > 4) this.change(() => this.view.moveBy(...step));
  }

  pinch(before, now, other) {
    const factor = Math.hypot(now[0] - other[0], now[1] - other[1]) / Math.max(1, Math.hypot(before[0] - other[0], before[1] - other[1]));
    const middle = [(now[0] + other[0]) / 2, (now[1] + other[1]) / 2];
    this.change(() => {
      this.view.zoomAt(factor, ...middle);
      this.view.moveBy((now[0] - before[0]) / 2, (now[1] - before[1]) / 2);
    });
  }

  release(event) {
    const wasTap = this.pointers.delete(event.pointerId) && this.way <= 4 && event.type === "pointerup";
    if (wasTap) this.show(this.find(event.offsetX, event.offsetY, event.pointerType === "mouse" ? NEAR : 2 * NEAR));
  }

  key(event) {
    const { view } = this;
    const actions = {
      ArrowLeft: () => view.moveBy(STEP, 0),
      ArrowRight: () => view.moveBy(-STEP, 0),
      ArrowUp: () => view.moveBy(0, STEP),
      ArrowDown: () => view.moveBy(0, -STEP),
      "+": () => view.zoomAt(1.6),
      "=": () => view.zoomAt(1.6),
      "-": () => view.zoomAt(1 / 1.6),
      0: () => view.showAll(),
      Escape: () => this.choose(null),
    };
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Enter") this.tellMiddle();
    else if (actions[event.key]) this.change(actions[event.key]);
    else return;
    event.preventDefault();
  }

  tellMiddle() {
    const { clientWidth, clientHeight } = this.canvas;
    const point = this.find(clientWidth / 2, clientHeight / 2, Math.max(clientWidth, clientHeight));
    this.show(point);
    if (point >= 0) this.told.textContent = [this.describe(point), this.data.texts?.[point]].filter(Boolean).join(": ");
  }
}

function made(tag, text = "") {
  const element = document.createElement(tag);
  element.textContent = text;
  return element;
}

new ClusterMap(readData());
