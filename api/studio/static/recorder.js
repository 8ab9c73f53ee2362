// The microphone: its samples, unchanged by the browser, and its level.

const AS_IT_IS = { echoCancellation: false, noiseSuppression: false, autoGainControl: false, channelCount: 1 };

export class Recorder {
  #chunks = [];
  #context;
  #stream;

  // Throws where there is no microphone, or it is not allowed. `levelled` gets dBFS, many times a second.
  async start(levelled) {
    this.#stream = await navigator.mediaDevices.getUserMedia({ audio: AS_IT_IS });
    try {
      await this.#tap(levelled);
    } catch (error) {
      await this.#release();
      throw error;
    }
  }

  async #tap(levelled) {
    this.#context = new AudioContext();
    await this.#context.audioWorklet.addModule(new URL("./tap.js", import.meta.url));
    const tap = new AudioWorkletNode(this.#context, "tap", { numberOfOutputs: 0 });
    tap.port.onmessage = ({ data }) => {
      this.#chunks.push(data);
      levelled(20 * Math.log10(Math.max(1e-5, ...data.map(Math.abs))));
    };
    this.#context.createMediaStreamSource(this.#stream).connect(tap);
  }

  get seconds() {
    return this.#chunks.reduce((sum, chunk) => sum + chunk.length, 0) / this.#context.sampleRate;
  }

  async #release() {
    for (const track of this.#stream.getTracks()) track.stop();
    await this.#context?.close();
  }

  // A WAV file of 16 bits.
  async stop() {
    const rate = this.#context.sampleRate;
    await this.#release();
    return new Blob([header(this.#chunks.reduce((sum, chunk) => sum + chunk.length, 0), rate), ...this.#chunks.map(quantised)], { type: "audio/wav" });
  }
}

const quantised = (chunk) => Int16Array.from(chunk, (sample) => Math.round(Math.max(-1, Math.min(1, sample)) * 32767));

function header(samples, rate) {
  const view = new DataView(new ArrayBuffer(44));
  const words = [0x52494646, 36 + 2 * samples, 0x57415645, 0x666d7420, 16, 0x10001, rate, 2 * rate, 0x100002, 0x64617461, 2 * samples];
  const names = [0, 2, 3, 9]; // big-endian: RIFF, WAVE, "fmt ", data
  for (const [at, word] of words.entries()) view.setUint32(4 * at, word, !names.includes(at));
  return view;
}
