// The player: schedules a track's samples without gaps while they come. It plays by the clock of an AudioContext.

import { $, clock, say } from "./dom.js";
import { Track } from "./track.js";
import { t } from "./words.js";
import { draw } from "./waveform.js";

const LEAD = 0.04; // seconds between scheduling and sound
const RESERVE = 0.3; // the same, after the stream has run dry

let context = null;
let track = null;
let sources = new Set();
let scheduled = 0; // samples that have their place in time
let next = 0; // the context's time at which the next ones are due
let origin = 0; // the context's time that the track's second 0 would have
let playing = false;
let listening = 0; // counts what was put on the player, so that the earlier one stops filling
let takes = []; // of the lines on the player, as far as they were asked for

// Plays lines one after the other. Each is {label, pause, take: () => Take}; `take` is called once, for the next line as
// soon as the one before sounds.
export async function play(title, lines) {
  const mine = ++listening;
  const asked = [];
  const take = (at) => (asked[at] ??= lines[at].take());
  const first = take(0);
  leave(first);
  takes = asked;
  context ??= new AudioContext({ sampleRate: 24000 });
  stop();
  playing = true;
  await context.resume();
  if (mine !== listening) return;
  put(new Track(title, first.rate));
  const filling = track;
  try {
    for (const [at, line] of lines.entries()) {
      filling.begin(line.label, line.pause ?? 0);
      for await (const chunk of take(at).audio()) {
        if (mine !== listening) return;
        if (at + 1 < lines.length) take(at + 1);
        if (!filling.length) filling.rate = take(at).rate;
        filling.append(chunk);
        if (playing) schedule();
      }
      if (mine !== listening) return;
    }
  } catch (error) {
    if (mine === listening) say(error.message);
  }
  filling.over = true;
}

// Gives up the takes that are still coming, but for one that is wanted again.
function leave(wanted = null) {
  for (const take of takes) if (take !== wanted) take.cancel();
}

function put(next) {
  track = next;
  for (const control of ["toggle", "stop", "position"]) $(control).disabled = false;
  $("heard").textContent = track.title;
  start(0);
}

// `lead`: seconds until it sounds, where it is not due already.
function schedule(lead = scheduled ? RESERVE : LEAD) {
  const late = next < context.currentTime + LEAD;
  if (late) {
    next = context.currentTime + lead;
    origin = next - scheduled / track.rate;
  }
  const samples = track.samples.subarray(scheduled, track.length);
  if (!samples.length) return;
  const buffer = context.createBuffer(1, samples.length, track.rate);
  buffer.copyToChannel(samples, 0);
  const source = new AudioBufferSourceNode(context, { buffer });
  source.connect(context.destination);
  source.onended = () => sources.delete(source);
  source.start(next);
  sources.add(source);
  scheduled = track.length;
  next += samples.length / track.rate;
}

function silence() {
  for (const source of sources) {
    source.onended = null;
    source.stop();
    source.disconnect();
  }
  sources = new Set();
}

function start(seconds) {
  silence();
  scheduled = Math.min(Math.round(seconds * track.rate), track.length);
  next = 0;
  origin = context.currentTime + LEAD - seconds;
  schedule(LEAD);
}

// Seconds into the track.
export function position() {
  if (!track) return 0;
  return Math.max(0, Math.min(context.currentTime - origin, scheduled / track.rate));
}

function seek(seconds) {
  start(seconds);
  if (!playing) context.suspend();
  show();
}

async function toggle() {
  if (playing) {
    playing = false;
    await context.suspend();
  } else {
    playing = true;
    if (track.over && position() >= track.seconds - 0.01) start(0);
    else if (scheduled < track.length) schedule();
    await context.resume();
  }
  show();
}

export function stop() {
  silence();
  if (track) {
    playing = false;
    context.suspend();
    start(0);
    silence();
    scheduled = 0;
  }
  show();
}

function show() {
  if (!track) return;
  const at = position();
  if (playing && track.over && at >= track.seconds) playing = false;
  $("toggle").textContent = playing ? "❚❚" : "▶";
  $("toggle").setAttribute("aria-label", t(playing ? "pause" : "play"));
  $("time").textContent = `${clock(at)} / ${clock(track.seconds)}${track.over ? "" : "…"}`;
  $("position").max = track.seconds;
  $("position").value = at;
  $("position").setAttribute("aria-valuetext", $("time").textContent);
  draw($("wave"), track, at);
}

function frame() {
  show();
  requestAnimationFrame(frame);
}

export function install() {
  $("toggle").onclick = toggle;
  $("stop").onclick = () => {
    ++listening;
    leave();
    if (track) track.over = true;
    stop();
  };
  $("position").oninput = (event) => seek(Number(event.target.value));
  $("wave").onclick = (event) => track && seek((event.offsetX / $("wave").clientWidth) * track.seconds);
  requestAnimationFrame(frame);
}
