// Draws a track: its levels, its lines as bands with their numbers, their pauses, and the cursor.

const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name);

export function draw(canvas, track, at) {
  const ratio = devicePixelRatio;
  const width = canvas.clientWidth;
  const height = canvas.clientHeight;
  if (canvas.width !== Math.round(width * ratio)) canvas.width = Math.round(width * ratio);
  if (canvas.height !== Math.round(height * ratio)) canvas.height = Math.round(height * ratio);
  const brush = canvas.getContext("2d");
  brush.setTransform(ratio, 0, 0, ratio, 0, 0);
  brush.clearRect(0, 0, width, height);
  const scale = width / Math.max(track.seconds, 1e-3);
  bands(brush, track, scale, height);
  levels(brush, track, at * scale, width, height);
  brush.fillStyle = color("--cursor");
  brush.fillRect(at * scale - 1, 0, 2, height);
}

function bands(brush, track, scale, height) {
  if (track.lines.length < 2) return;
  brush.font = "12px system-ui, sans-serif";
  for (const [index, line] of track.lines.entries()) {
    const left = line.start * scale;
    const whole = track.over || index < track.lines.length - 1;
    const silent = (whole ? Math.max(line.start, line.end - line.pause) : line.end) * scale;
    brush.fillStyle = color(index % 2 ? "--band-odd" : "--band-even");
    brush.fillRect(left, 0, silent - left, height);
    brush.fillStyle = color("--pause");
    brush.fillRect(silent, 0, line.end * scale - silent, height);
    brush.fillStyle = color("--quiet");
    brush.fillText(line.label, left + 3, 12);
  }
}

function levels(brush, track, cursor, width, height) {
  const step = track.peaks.length / width;
  for (let x = 0; x < width; x += 2) {
    let peak = 0;
    for (let at = Math.floor(x * step); at < (x + 2) * step && at < track.peaks.length; at++) {
      peak = Math.max(peak, track.peaks[at] ?? 0);
    }
    const tall = Math.max(1, peak * (height - 8));
    brush.fillStyle = color(x < cursor ? "--played" : "--wave");
    brush.fillRect(x, (height - tall) / 2, 1.4, tall);
  }
}
