// Runs in the audio thread: hands the microphone's samples on, a tenth of a second at a time.

registerProcessor(
  "tap",
  class extends AudioWorkletProcessor {
    #held = new Float32Array(Math.round(sampleRate / 10));
    #size = 0;

    process([[channel]]) {
      for (const sample of channel ?? []) {
        this.#held[this.#size++] = sample;
        if (this.#size === this.#held.length) {
          this.port.postMessage(this.#held.slice());
          this.#size = 0;
        }
      }
      return true;
    }
  },
);
