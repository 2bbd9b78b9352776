// The 3-D body: mixtures of a few basis shapes, shaded by WebGL, turned by mouse and keys.
const VERTEX = `
attribute vec3 place;
attribute vec3 normal;
uniform mat4 camera;
uniform mat3 turn;
varying vec3 facing;
void main() {
  facing = turn * normal;
  gl_Position = camera * vec4(turn * place, 1.0);
}`;
const FRAGMENT = `
precision mediump float;
uniform vec3 colour;
varying vec3 facing;
void main() {
  vec3 n = normalize(facing);
  float lamp = pow(0.5 + 0.5 * dot(n, normalize(vec3(-0.45, 0.7, 0.6))), 1.5);
  float rim = pow(1.0 - abs(n.z), 3.0);
  gl_FragColor = vec4((0.8 * colour + 0.16) * (0.28 + 0.82 * lamp) - 0.12 * rim, 1.0);
}`;
const FLOOR_VERTEX = `
attribute vec2 place;
uniform mat4 camera;
uniform mat3 turn;
varying vec2 spot;
void main() {
  spot = place;
  gl_Position = camera * vec4(turn * vec3(place.x * 0.42, -0.5, place.y * 0.42), 1.0);
}`;
const FLOOR_FRAGMENT = `
precision mediump float;
uniform float strength;
varying vec2 spot;
void main() {
  float dark = strength * pow(max(0.0, 1.0 - length(spot)), 1.4);
  gl_FragColor = vec4(0.0, 0.0, 0.0, dark);
}`;

function bytesOf(text) {
  const raw = atob(text);
  const bytes = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
  return bytes.buffer;
}

// Vertices of all bodies, mixed on demand.
class Bodies {
  constructor(packed) {
    this.count = packed.vertices;
    this.faces = new Uint16Array(bytesOf(packed.faces));
    this.basis = new Int16Array(bytesOf(packed.basis));
    this.size = this.basis.length / this.count;
    this.all = packed.bodies.map((body) => ({ ...body, mixture: new Float32Array(bytesOf(body.mixture)) }));
    this.places = new Float32Array(3 * this.count);
    this.normals = new Float32Array(3 * this.count);
  }

  // Set places and normals to those of a body t seconds into its walk.
  at(number, t) {
    const { mixture, seconds, lasting } = this.all[number];
    const when = modulo(t, lasting);
    let frame = 0;
    while (frame + 1 < seconds.length && seconds[frame + 1] <= when) frame++;
    const next = (frame + 1) % seconds.length;
    const end = next ? seconds[next] : lasting;
    const share = Math.min(1, (when - seconds[frame]) / Math.max(end - seconds[frame], 1e-6));
    this.places.fill(0);
    for (let k = 0; k < this.size; k++) {
      const [x, y, z] = [0, 1, 2].map((c) => {
        const here = mixture[(frame * this.size + k) * 3 + c];
        return here + share * (mixture[(next * this.size + k) * 3 + c] - here);
      });
      const from = k * this.count;
      for (let v = 0, at = 0; v < this.count; v++, at += 3) {
        const weight = this.basis[from + v];
        this.places[at] += weight * x;
        this.places[at + 1] += weight * y;
        this.places[at + 2] += weight * z;
      }
    }
    this.shade();
    return frame;
  }

  shade() {
    const { faces, places: p, normals: n } = this;
    n.fill(0);
    for (let f = 0; f < faces.length; f += 3) {
      const a = 3 * faces[f];
      const b = 3 * faces[f + 1];
      const c = 3 * faces[f + 2];
      const ux = p[b] - p[a], uy = p[b + 1] - p[a + 1], uz = p[b + 2] - p[a + 2];
      const vx = p[c] - p[a], vy = p[c + 1] - p[a + 1], vz = p[c + 2] - p[a + 2];
      const nx = uy * vz - uz * vy, ny = uz * vx - ux * vz, nz = ux * vy - uy * vx;
      for (const i of [a, b, c]) {
        n[i] += nx;
        n[i + 1] += ny;
        n[i + 2] += nz;
      }
    }
    for (let i = 1; i < p.length; i += 3) p[i] -= 0.5; // the middle of the body to the middle of the view
  }
}

function program(gl, vertex, fragment) {
  const made = gl.createProgram();
  for (const [kind, text] of [[gl.VERTEX_SHADER, vertex], [gl.FRAGMENT_SHADER, fragment]]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, text);
    gl.compileShader(shader);
    gl.attachShader(made, shader);
  }
  gl.linkProgram(made);
  if (!gl.getProgramParameter(made, gl.LINK_STATUS)) throw new Error(gl.getProgramInfoLog(made));
  return made;
}

// What draws a body into a canvas, or null where there is no WebGL.
function painter(canvas, bodies) {
  const gl = canvas.getContext("webgl", { antialias: true, alpha: true, premultipliedAlpha: true });
  if (!gl) return null;
  const body = program(gl, VERTEX, FRAGMENT);
  const floor = program(gl, FLOOR_VERTEX, FLOOR_FRAGMENT);
  const [places, normals, faces, ground] = [0, 1, 2, 3].map(() => gl.createBuffer());
  gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, faces);
  gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, bodies.faces, gl.STATIC_DRAW);
  gl.bindBuffer(gl.ARRAY_BUFFER, ground);
  gl.bufferData(gl.ARRAY_BUFFER, new Float32Array([-1, -1, 1, -1, -1, 1, 1, 1]), gl.STATIC_DRAW);
  gl.enable(gl.DEPTH_TEST);
  gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
  const feed = (made, name, buffer, size, values) => {
    const at = gl.getAttribLocation(made, name);
    gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
    if (values) gl.bufferData(gl.ARRAY_BUFFER, values, gl.DYNAMIC_DRAW);
    gl.enableVertexAttribArray(at);
    gl.vertexAttribPointer(at, size, gl.FLOAT, false, 0, 0);
  };
  return (look, colour) => {
    const [wide, tall] = [canvas.clientWidth, canvas.clientHeight].map((size) =>
      Math.max(1, Math.round(size * Math.min(2, window.devicePixelRatio || 1))));
    if (canvas.width !== wide || canvas.height !== tall) [canvas.width, canvas.height] = [wide, tall];
    gl.viewport(0, 0, wide, tall);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    const far = 2.6 / look.zoom;
    const focus = 4;
    const camera = new Float32Array([focus * tall / wide, 0, 0, 0, 0, focus, 0, 0,
      0, 0, -1.02, -1, 0, 0, 1.02 * far - 0.2, far]);
    const [sy, cy, sp, cp] = [Math.sin(look.yaw), Math.cos(look.yaw), Math.sin(look.pitch), Math.cos(look.pitch)];
    const turn = new Float32Array([cy, sp * sy, -cp * sy, 0, cp, sp, sy, -sp * cy, cp * cy]);
    const aim = (made) => {
      gl.useProgram(made);
      gl.uniformMatrix4fv(gl.getUniformLocation(made, "camera"), false, camera);
      gl.uniformMatrix3fv(gl.getUniformLocation(made, "turn"), false, turn);
    };
    aim(floor);
    gl.uniform1f(gl.getUniformLocation(floor, "strength"), 0.32);
    gl.enable(gl.BLEND);
    gl.depthMask(false);
    feed(floor, "place", ground, 2);
    gl.drawArrays(gl.TRIANGLE_STRIP, 0, 4);
    gl.disable(gl.BLEND);
    gl.depthMask(true);
    aim(body);
    gl.uniform3fv(gl.getUniformLocation(body, "colour"), colour);
    feed(body, "place", places, 3, bodies.places);
    feed(body, "normal", normals, 3, bodies.normals);
    gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, faces);
    gl.drawElements(gl.TRIANGLES, bodies.faces.length, gl.UNSIGNED_SHORT, 0);
  };
}

function openViewer(root) {
  const canvas = root.querySelector("canvas");
  const tabs = Array.from(root.querySelectorAll("[role=tab]"));
  const bodies = new Bodies(DATA.bodies);
  const paint = painter(canvas, bodies);
  if (!paint) {
    canvas.hidden = true;
    root.querySelector(".controls").hidden = true;
    root.querySelector("[data-nogl]").hidden = false;
    return;
  }
  const START = { yaw: 0.5, pitch: 0.1, zoom: 1 };
  const look = { ...START };
  const mover = { t: 0 };
  let chosen = 0;
  const colourOf = (tab) => [1, 3, 5].map((at) => parseInt(tab.dataset.colour.slice(at, at + 2), 16) / 255);
  const draw = () => {
    canvas.dataset.frame = bodies.at(chosen, mover.t);
    paint(look, colourOf(tabs[chosen]));
  };
  const turn = (yaw, pitch) => {
    look.yaw += yaw;
    look.pitch = Math.max(-1.2, Math.min(1.2, look.pitch + pitch));
    canvas.dataset.yaw = look.yaw.toFixed(3);
    draw();
  };
  const zoom = (by) => {
    look.zoom = Math.max(0.5, Math.min(2.2, look.zoom * by));
    draw();
  };
  const home = () => { Object.assign(look, START, { yaw: 0, pitch: 0 }); turn(0, 0); };
  const choose = (number, focus) => {
    chosen = number;
    tabs.forEach((tab, place) => {
      tab.setAttribute("aria-selected", String(place === number));
      tab.tabIndex = place === number ? 0 : -1;
    });
    document.getElementById("view").setAttribute("aria-labelledby", tabs[number].id);
    if (focus) tabs[number].focus();
    draw();
  };
  mover.advance = (passed) => { mover.t += passed; draw(); };
  playButton(root.querySelector("[data-play]"), mover);
  watch(root, mover);

  tabs.forEach((tab, number) => {
    tab.addEventListener("click", () => choose(number, false));
    tab.addEventListener("keydown", (event) => {
      const to = { ArrowRight: number + 1, ArrowLeft: number - 1, Home: 0, End: tabs.length - 1 }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      choose(modulo(to, tabs.length), true);
    });
  });
  for (const link of document.querySelectorAll("[data-body]")) {
    link.addEventListener("click", () => choose(Number(link.dataset.body), false));
  }
  let held = null;
  canvas.addEventListener("pointerdown", (event) => {
    held = [event.clientX, event.clientY];
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!held) return;
    turn((event.clientX - held[0]) * 0.01, (event.clientY - held[1]) * 0.01);
    held = [event.clientX, event.clientY];
  });
  for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => { held = null; });
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    zoom(Math.exp(-event.deltaY * 0.001));
  }, { passive: false });
  const keys = {
    ArrowLeft: () => turn(-0.13, 0), ArrowRight: () => turn(0.13, 0),
    ArrowUp: () => turn(0, -0.1), ArrowDown: () => turn(0, 0.1),
    "+": () => zoom(1.1), "=": () => zoom(1.1), "-": () => zoom(1 / 1.1),
    Home: home, " ": () => mover.play(!mover.playing),
  };
  canvas.addEventListener("keydown", (event) => {
    if (!keys[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    keys[event.key]();
  });
  for (const button of root.querySelectorAll("[data-turn]")) {
    button.addEventListener("click", () => turn(Number(button.dataset.turn), 0));
  }
  for (const button of root.querySelectorAll("[data-zoom]")) {
    button.addEventListener("click", () => zoom(Number(button.dataset.zoom)));
  }
  root.querySelector("[data-home]").addEventListener("click", home);
  new ResizeObserver(draw).observe(canvas);
  canvas.addEventListener("webglcontextlost", (event) => { event.preventDefault(); mover.play(false); });
  choose(0, false);
}

const root = document.querySelector("[data-viewer]");
if (root && DATA.bodies) openViewer(root);
