// A take: the audio of one request, as it comes. It may be read several times, while it comes and afterwards.

import { stream } from "./api.js";

export class Take {
  chunks = []; // Float32Array, mono
  rate = 24000;
  #over = false;
  #fault = null;
  #readers = [];
  #aborter = new AbortController();

  constructor(body) {
    this.#fetch(body);
  }

  // Also of what was cancelled before it was whole.
  get failed() {
    return this.#fault !== null || this.#aborter.signal.aborted;
  }

  cancel() {
    if (!this.#over) this.#aborter.abort();
  }

  async *audio() {
    for (let at = 0; ; ) {
      while (at < this.chunks.length) yield this.chunks[at++];
      if (this.#fault) throw this.#fault;
      if (this.#over) return;
      await new Promise((wake) => this.#readers.push(wake));
    }
  }

  async #fetch(body) {
    try {
      const response = await stream(body, this.#aborter.signal);
      this.rate = Number(response.headers.get("X-Sample-Rate"));
      for await (const samples of samplesOf(response.body.getReader())) {
        this.chunks.push(samples);
        this.#wake();
      }
    } catch (error) {
      this.#fault = error;
    }
    this.#over = true;
    this.#wake();
  }

  #wake() {
    this.#readers.splice(0).forEach((wake) => wake());
  }
}

// 16-bit little-endian samples out of bytes that may be cut anywhere.
async function* samplesOf(reader) {
  let rest = new Uint8Array();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const bytes = new Uint8Array(rest.length + value.length);
    bytes.set(rest);
    bytes.set(value, rest.length);
    const whole = bytes.length & ~1;
    rest = bytes.slice(whole);
    const view = new DataView(bytes.buffer, 0, whole);
    if (whole) yield Float32Array.from({ length: whole / 2 }, (_, at) => view.getInt16(2 * at, true) / 32768);
  }
}
