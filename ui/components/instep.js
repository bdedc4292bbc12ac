export default function (component) {
  const { data, parentElement } = component;
  const root = parentElement.querySelector(".pair");
  const box = root.querySelector(".clips");
  const play = root.querySelector(".play"), slider = root.querySelector(".time"), now = root.querySelector(".now");
  if (root.dataset.shown !== data.id) {
    root.dataset.shown = data.id;
    root.style.setProperty("--columns", data.clips.length + data.stills.length);
    box.textContent = "";
    for (const clip of data.clips) box.append(figure(clip, "video"));
    for (const still of data.stills) box.append(figure(still, "img"));
    slider.value = 0;
  }
  const videos = [...box.querySelectorAll("video")];
  const first = videos[0];
  const length = () => (first && isFinite(first.duration) ? first.duration : 0);
  const say = () => {
    const at = first ? first.currentTime : 0;
    now.textContent = `${at.toFixed(1)} of ${length().toFixed(1)} s`;
    slider.setAttribute("aria-valuetext", `${at.toFixed(1)} seconds`);
  };
  const paused = () => !first || first.paused;
  const look = () => {
    play.classList.toggle("on", !paused());
    play.setAttribute("aria-label", paused() ? "Play" : "Pause");
  };
  play.onclick = () => {
    if (paused()) for (const video of videos) { video.currentTime = first.ended ? 0 : first.currentTime; video.play(); }
    else for (const video of videos) video.pause();
  };
  slider.oninput = () => {
    const at = (slider.value / 1000) * length();
    for (const video of videos) { video.pause(); video.currentTime = at; }
  };
  if (first) {
    first.ontimeupdate = () => {
      if (!paused()) slider.value = (1000 * first.currentTime) / Math.max(length(), 0.001);
      // They run on clocks of their own; what drifts is brought back.
      for (const video of videos.slice(1)) if (Math.abs(video.currentTime - first.currentTime) > 0.08) video.currentTime = first.currentTime;
      say();
    };
    first.onplay = first.onpause = first.onended = look;
    first.onloadedmetadata = say;
  }
  look();
  say();
}

function figure(held, kind) {
  const outside = document.createElement("figure"), inside = document.createElement(kind), words = document.createElement("figcaption");
  inside.src = held.src;
  if (kind === "video") { inside.muted = true; inside.playsInline = true; inside.preload = "auto"; inside.setAttribute("aria-label", held.alt); }
  else inside.alt = held.alt;
  words.textContent = held.label;
  outside.append(inside, words);
  return outside;
}
