"use strict";
// Silhouettes that walk, in step where their steps are known. A stage is a group with one clock.
const DATA = JSON.parse(document.getElementById("data").textContent);
const CALM = matchMedia("(prefers-reduced-motion: reduce)").matches;

const modulo = (value, by) => ((value % by) + by) % by;

// The place in an ascending list that is nearest to a value.
function nearest(list, value) {
  let best = 0;
  for (let i = 1; i < list.length; i++) {
    if (Math.abs(list[i] - value) < Math.abs(list[best] - value)) best = i;
  }
  return best;
}

// Which frame of a walk to show t seconds into the beat of another (or its own).
function frameOf(walk, beat, t) {
  if (walk.phase) {
    const cadence = beat.phase ? beat.cadence : walk.cadence;
    const first = walk.phase[0];
    return nearest(walk.phase, first + modulo(t * cadence - first, walk.steps));
  }
  const lasting = walk.seconds[walk.seconds.length - 1] + 0.04;
  return nearest(walk.seconds, modulo(t, lasting));
}

function lasting(walk) {
  return walk.phase ? walk.steps / walk.cadence : walk.seconds[walk.seconds.length - 1] + 0.04;
}

// Whatever moves: advance(seconds) is called for each picture while it plays and can be seen.
const movers = [];
let before = 0;
function tick(now) {
  const passed = Math.min((now - before) / 1000, 0.1);
  before = now;
  for (const mover of movers) if (mover.playing && mover.visible) mover.advance(passed);
  requestAnimationFrame(tick);
}

function watch(element, mover) {
  movers.push(mover);
  mover.visible = true;
  if ("IntersectionObserver" in window) {
    new IntersectionObserver((seen) => { mover.visible = seen[seen.length - 1].isIntersecting; },
      { rootMargin: "100px" }).observe(element);
  }
}

// A button that plays and stops; it says what it will do.
function playButton(button, mover) {
  const name = button.getAttribute("aria-label").replace("Pause or play ", "");
  mover.play = (on) => {
    mover.playing = on;
    button.textContent = on ? "Pause" : "Play";
    button.setAttribute("aria-label", `${button.textContent} ${name}`);
  };
  button.addEventListener("click", () => mover.play(!mover.playing));
  mover.play(!CALM);
}

const sheets = {};
function sheetOf(key) {
  if (!sheets[key]) {
    sheets[key] = new Promise((done) => {
      const picture = new Image();
      picture.onload = () => done(picture);
      picture.src = DATA.walks[key].sheet;
    });
  }
  return sheets[key];
}

const COLUMNS = 12;
const TILE = 68;
function walker(canvas) {
  const walk = DATA.walks[canvas.dataset.walk];
  const beat = DATA.walks[canvas.dataset.beat] || walk;
  canvas.width = canvas.height = 6 * TILE;
  const pen = canvas.getContext("2d");
  let picture = null;
  let shown = -1;
  const draw = (t) => {
    const frame = frameOf(walk, beat, t);
    if (!picture || frame === shown) return;
    shown = frame;
    canvas.dataset.frame = frame;
    pen.clearRect(0, 0, canvas.width, canvas.height);
    pen.imageSmoothingQuality = "high";
    pen.drawImage(picture, (frame % COLUMNS) * TILE, Math.floor(frame / COLUMNS) * TILE, TILE, TILE,
      0, 0, canvas.width, canvas.height);
  };
  return { beat, draw, ready: sheetOf(canvas.dataset.walk).then((loaded) => { picture = loaded; }) };
}

for (const stage of document.querySelectorAll("[data-stage]")) {
  const walkers = Array.from(stage.querySelectorAll("canvas[data-walk]"), walker);
  const button = stage.querySelector("[data-play]");
  const scrub = stage.querySelector("[data-scrub]");
  if (!walkers.length) {
    button.parentElement.hidden = true;
    continue;
  }
  const loop = lasting(walkers[0].beat);
  const mover = { t: 0 };
  mover.draw = () => { for (const each of walkers) each.draw(mover.t); };
  mover.advance = (passed) => {
    mover.t += passed;
    scrub.value = String(100 * modulo(mover.t, loop) / loop);
    mover.draw();
  };
  scrub.addEventListener("input", () => {
    mover.play(false);
    mover.t = Math.floor(mover.t / loop) * loop + loop * Number(scrub.value) / 100;
    mover.draw();
  });
  playButton(button, mover);
  watch(stage, mover);
  for (const each of walkers) each.ready.then(mover.draw);
}
requestAnimationFrame(tick);
