"use strict";
// Sending a video, and watching the search for it. Everything else works without scripts.
const CSRF = document.querySelector("meta[name=csrf]").content;

const said = document.querySelector("[data-said]");
if (said) {
  said.focus();  // a screen reader begins with what has just happened
  const address = new URL(location.href);
  address.searchParams.delete("said");
  history.replaceState(null, "", address);
}

for (const zone of document.querySelectorAll("[data-drop]")) {
  const part = (name) => zone.querySelector(`[data-${name}]`);
  const [file, sending, share, trouble] = ["file", "sending", "share", "trouble"].map(part);
  const bar = sending.querySelector("progress");
  let request = null;

  const rest = (words) => {
    request = null;
    sending.hidden = true;
    file.disabled = false;
    file.value = "";
    trouble.hidden = !words;
    trouble.textContent = words;
  };
  const send = (video) => {
    if (!video || request) return;
    const most = Number(zone.dataset.most);
    rest(video.size > most ? `${video.name} is larger than ${most / 1e6} MB: cut it, or raise --max-mb.` : "");
    if (video.size > most) return;
    request = new XMLHttpRequest();
    request.open("POST", "/search");
    request.responseType = "json";
    request.setRequestHeader("Accept", "application/json");
    request.setRequestHeader("X-CSRF", CSRF);
    request.setRequestHeader("X-Name", encodeURIComponent(video.name));
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.upload.addEventListener("progress", (event) => {
      bar.value = event.lengthComputable ? 100 * event.loaded / event.total : 0;
      share.textContent = `copying ${video.name}: ${Math.round(bar.value)}%`;
    });
    request.addEventListener("load", () => {
      const answer = request.response || {};
      if (request.status === 201) location.assign(answer.to);
      else rest(answer.said || `It was refused (${request.status}).`);
    });
    request.addEventListener("error", () => rest(
      "The video could not be sent: was the application ended in its terminal?"));
    request.addEventListener("abort", () => rest("Stopped. Nothing was kept."));
    file.disabled = true;
    sending.hidden = false;
    bar.value = 0;
    request.send(video);
  };

  file.addEventListener("change", () => send(file.files[0]));
  part("stop").addEventListener("click", () => request && request.abort());
  // Anywhere on the page: a video that misses the field must not be opened instead of it.
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    zone.classList.add("over");
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) zone.classList.remove("over");
  });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    zone.classList.remove("over");
    const dropped = event.dataTransfer.files;
    if (dropped.length > 1) rest("One video at a time, please.");
    else send(dropped[0]);
  });
}

const watched = document.querySelector("[data-progress]");
if (watched) {
  const bar = watched.querySelector("progress");
  const words = watched.querySelector("[data-words]");
  const spoken = watched.querySelector("[data-spoken]");
  let stage = "";
  let failures = 0;
  const ask = async () => {
    try {
      const answer = await fetch(watched.dataset.progress, { headers: { Accept: "application/json" } });
      if (!answer.ok) return location.reload();
      const now = await answer.json();
      failures = 0;
      if (now.state !== "waiting" && now.state !== "running") return location.reload();
      words.textContent = now.said;
      const here = now.said.split(":")[0];
      if (here !== stage) spoken.textContent = stage = here;  // each stage once, not each number
      if (now.total) { bar.max = now.total; bar.value = now.done; } else bar.removeAttribute("value");
    } catch {
      if (++failures > 5) { words.textContent = "The application was ended in its terminal."; return; }
    }
    setTimeout(ask, 500);
  };
  ask();
}
