// Which point is nearest to a place: points lie in the cells of a grid, and few cells are looked at.

const FINEST = 65535; // coordinates are integers from 0 to this

class PointGrid {
  constructor(x, y) {
    this.x = x;
    this.y = y;
    this.side = Math.max(1, Math.min(256, Math.ceil(Math.sqrt(x.length / 4))));
    const cells = this.side * this.side;
    this.starts = new Int32Array(cells + 1);
    for (let i = 0; i < x.length; i++) this.starts[this.cellOf(x[i], y[i]) + 1]++;
    for (let cell = 0; cell < cells; cell++) this.starts[cell + 1] += this.starts[cell];
    const next = this.starts.slice(0, cells);
    this.points = new Int32Array(x.length);
    for (let i = 0; i < x.length; i++) this.points[next[this.cellOf(x[i], y[i])]++] = i;
  }

  line(value) {
    const line = Math.floor((value / (FINEST + 1)) * this.side);
    return Math.max(0, Math.min(this.side - 1, line));
  }

  cellOf(x, y) {
    return this.line(y) * this.side + this.line(x);
  }

  // Return the index of the nearest point within a radius that is to be taken, or -1.
  nearest(x, y, radius, isTaken = () => true) {
    let best = -1;
    let least = radius * radius;
    for (let row = this.line(y - radius); row <= this.line(y + radius); row++) {
      for (let column = this.line(x - radius); column <= this.line(x + radius); column++) {
        const cell = row * this.side + column;
        for (let place = this.starts[cell]; place < this.starts[cell + 1]; place++) {
          const point = this.points[place];
          const distance = (this.x[point] - x) ** 2 + (this.y[point] - y) ** 2;
          if (distance <= least && isTaken(point)) {
            best = point;
            least = distance;
          }
        }
      }
    }
    return best;
  }
}
