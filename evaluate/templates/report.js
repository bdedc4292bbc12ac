(() => {
  "use strict";
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];
  const clock = (t) => `${t.toFixed(2)} s`;

  // Players: the bytes lie in the page; blobs are seekable in every browser, data addresses are not.
  const videos = all("video[data-clip]");
  for (const video of videos) {
    const holder = document.getElementById(video.dataset.clip);
    const bytes = Uint8Array.from(atob(holder.textContent.trim()), (c) => c.charCodeAt(0));
    video.src = URL.createObjectURL(new Blob([bytes], { type: holder.dataset.type }));
    holder.remove();
  }
  const leader = videos.find((v) => v.dataset.kind === "swap") || videos[0];
  const listeners = [];
  let seek = () => {};
  if (leader) {
    const panel = document.querySelector(".controls");
    const play = panel.querySelector("[data-do=play]"), range = panel.querySelector("input"), out = panel.querySelector("output");
    const sound = panel.querySelector("[data-do=sound]"), speed = panel.querySelector("select");
    const frame = 1 / Number(panel.dataset.rate || 25);
    panel.hidden = false;
    const length = () => (Number.isFinite(leader.duration) ? leader.duration : 0);
    const show = () => {
      range.max = length();
      range.value = leader.currentTime;
      out.textContent = `${leader.currentTime.toFixed(2)} / ${clock(length())}`;
      play.textContent = leader.paused ? "Play" : "Pause";
      for (const listen of listeners) listen(leader.currentTime);
    };
    const others = videos.filter((v) => v !== leader);
    const align = (slack) => {
      for (const v of others) if (v.readyState && Math.abs(v.currentTime - leader.currentTime) > slack) v.currentTime = leader.currentTime;
    };
    seek = (t) => { leader.currentTime = Math.min(Math.max(t, 0), Math.max(0, length() - 0.01)); align(0); show(); };
    const stop = () => { for (const v of videos) v.pause(); align(0); show(); };
    const start = () => {
      if (leader.currentTime >= length() - frame) seek(0);
      for (const v of videos) { v.playbackRate = Number(speed.value); v.play().catch(() => {}); }
      requestAnimationFrame(tick);
    };
    const tick = () => { if (leader.paused) return; align(0.08); show(); requestAnimationFrame(tick); };
    play.onclick = () => (leader.paused ? start() : stop());
    range.oninput = () => seek(Number(range.value));
    speed.onchange = () => { for (const v of videos) v.playbackRate = Number(speed.value); };
    for (const button of all("[data-step]", panel)) button.onclick = () => { stop(); seek(leader.currentTime + frame * Number(button.dataset.step)); };
    sound.onclick = () => {
      leader.muted = !leader.muted;
      sound.setAttribute("aria-pressed", String(!leader.muted));
      sound.textContent = leader.muted ? "Sound off" : "Sound on";
    };
    for (const v of videos) {
      v.muted = true;
      v.onclick = play.onclick;
      // Begin where the swap can be seen, on a frame of the strip.
      v.addEventListener("loadeddata", () => { v.currentTime = Number(panel.dataset.start) + frame / 4; show(); }, { once: true });
    }
    leader.addEventListener("ended", () => { seek(0); start(); });
    leader.addEventListener("pause", show);
    leader.addEventListener("seeked", () => { align(0.001); show(); });
  }

  // Charts: the numbers are in the drawing; the nearest ones are shown under the pointer.
  const element = (name, set) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(set)) made.setAttribute(key, value);
    return made;
  };
  const nearest = (xs, x) => {
    let low = 0, high = xs.length - 1;
    while (high - low > 1) { const middle = (low + high) >> 1; if (xs[middle] < x) low = middle; else high = middle; }
    return Math.abs(xs[low] - x) <= Math.abs(xs[high] - x) ? low : high;
  };
  for (const svg of all("svg[data-chart]")) {
    const chart = JSON.parse(svg.dataset.chart);
    const [left, top, width, height] = chart.plot, cursor = svg.querySelector(".cursor");
    const px = (x) => left + ((x - chart.x[0]) / (chart.x[1] - chart.x[0])) * width;
    const py = (y) => top + ((chart.y[1] - y) / (chart.y[1] - chart.y[0])) * height;
    const tip = document.createElement("div");
    tip.className = "tip"; tip.hidden = true;
    svg.parentElement.append(tip);
    const now = element("line", { class: "now", y1: top, y2: top + height, x1: 0, x2: 0, visibility: "hidden" });
    if (chart.seek && leader) {
      svg.dataset.seek = "";
      svg.append(now);
      now.setAttribute("stroke", "currentColor"); now.setAttribute("stroke-width", "1.5"); now.setAttribute("stroke-opacity", ".6");
      listeners.push((t) => {
        now.setAttribute("visibility", t >= chart.x[0] && t <= chart.x[1] ? "visible" : "hidden");
        now.setAttribute("x1", px(t)); now.setAttribute("x2", px(t));
      });
    }
    const at = (event) => {
      const box = svg.getBoundingClientRect();
      const scale = svg.viewBox.baseVal.width / box.width;
      return chart.x[0] + (((event.clientX - box.left) * scale - left) / width) * (chart.x[1] - chart.x[0]);
    };
    const clear = () => { cursor.replaceChildren(); tip.hidden = true; };
    svg.addEventListener("pointermove", (event) => {
      const x = at(event);
      if (x < chart.x[0] || x > chart.x[1]) return clear();
      cursor.replaceChildren();
      tip.replaceChildren();
      const near = [];
      for (const series of chart.series) {
        const k = nearest(series.x, x);
        if (series.y[k] === null || Math.abs(px(series.x[k]) - px(x)) > 40) continue;
        near.push({ label: series.label, kind: series.kind, x: series.x[k], y: series.y[k] });
      }
      if (!near.length) return clear();
      // Lines that end elsewhere have another nearest moment: only those at the very nearest one are told.
      const best = near.reduce((one, other) => (Math.abs(other.x - x) < Math.abs(one.x - x) ? other : one)).x;
      near.splice(0, near.length, ...near.filter((point) => Math.abs(px(point.x) - px(best)) < 1));
      near.sort((one, other) => other.y - one.y);
      const say = (text) => { const line = document.createElement("div"); line.textContent = text; tip.append(line); };
      const where = near[0].x;
      say(chart.unit === "s" ? clock(where) : `${chart.unit} ${Math.round(where).toLocaleString("en")}`);
      cursor.append(element("line", { x1: px(where), x2: px(where), y1: top, y2: top + height, "stroke-opacity": ".35" }));
      for (const point of near) {
        say(`${point.label} ${Math.abs(point.y) < 10 ? point.y.toFixed(3) : point.y.toPrecision(4)}`);
        cursor.append(element("circle", { class: `dot ${point.kind}`, cx: px(point.x), cy: py(point.y), r: 5 }));
      }
      // Beside the cursor, on the side that has room, so that the lines stay visible.
      tip.hidden = false;
      const box = svg.getBoundingClientRect(), scale = box.width / svg.viewBox.baseVal.width;
      const at_x = px(where) * scale, room = tip.offsetWidth + 14;
      tip.style.left = `${(at_x + room > box.width ? at_x - room : at_x + 14) + svg.parentElement.clientLeft}px`;
      tip.style.top = `${(top + height / 2) * scale}px`;
    });
    svg.addEventListener("pointerleave", clear);
    if (chart.seek && leader) svg.addEventListener("click", (event) => seek(at(event)));
  }
  document.documentElement.dataset.ready = "yes";
})();
