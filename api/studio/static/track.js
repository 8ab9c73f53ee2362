// What is on the player: samples that grow, and where in them the lines and their pauses are.

const PEAKS = 100; // a second

export class Track {
  samples;
  length = 0;
  peaks = []; // the largest level of each hundredth of a second, 0 to 1
  lines = []; // {label, start, end, pause}: seconds; the pause is the end's
  over = false;

  constructor(title, rate) {
    this.title = title;
    this.rate = rate;
    this.samples = new Float32Array(30 * rate);
  }

  get seconds() {
    return this.length / this.rate;
  }

  append(chunk) {
    if (this.length + chunk.length > this.samples.length) {
      const larger = new Float32Array(2 * this.samples.length + chunk.length);
      larger.set(this.samples.subarray(0, this.length));
      this.samples = larger;
    }
    this.samples.set(chunk, this.length);
    const step = this.rate / PEAKS;
    for (let at = 0; at < chunk.length; at++) {
      const peak = Math.floor((this.length + at) / step);
      this.peaks[peak] = Math.max(this.peaks[peak] ?? 0, Math.abs(chunk[at]));
    }
    this.length += chunk.length;
    if (this.lines.length) this.lines.at(-1).end = this.seconds;
  }

  begin(label, pause) {
    this.lines.push({ label, pause, start: this.seconds, end: this.seconds });
  }
}
