const COLOURS = { swap: "#d4541a", original: "#3b7fd0", one: "#12877b", two: "#9460b8" };
const DASHED = new Set(["original", "two"]);
const ZOOM = 3;
const LONGEST = 4000; // ms to wait for an answer before asking anew
const SVG = "http://www.w3.org/2000/svg";

export default function (component) {
  const { data, parentElement, setStateValue } = component;
  const root = parentElement.querySelector(".player");
  const find = (name) => root.querySelector(name);
  // What lives as long as the player: a message from the server brings new pictures, not a new player.
  const own = (root._own ??= { playing: false, zoom: false, cover: false, asked: null, wanted: null });
  own.data = data;
  own.send = setStateValue;

  drawPanels(root, find(".panels"), data, own);
  const last = data.times.length - 1;
  const slider = find(".time");
  slider.max = last;
  slider.disabled = last < 1;
  // The server's answer to an older question must not pull the slider back from where the user is now.
  if (own.asked === data.index || performance.now() - (own.since ?? 0) > LONGEST) own.asked = null;
  if (own.asked === null && own.wanted === null) slider.value = data.index;
  for (const name of [".play", ".back", ".next"]) find(name).hidden = last < 1;

  const say = () => {
    const at = Number(slider.value);
    find(".now").textContent = last < 1 ? "" : `${data.times[at].toFixed(2)} s · frame ${at} of ${last}`;
    slider.setAttribute("aria-valuetext", `${data.times[at].toFixed(2)} seconds, frame ${at}`);
    const line = root.querySelector(".now-line");
    if (line && own.scale) { const x = own.scale(own.data.times[at]); line.setAttribute("x1", x); line.setAttribute("x2", x); }
  };
  const ask = (at) => {
    at = Math.min(Math.max(at, 0), last);
    slider.value = at;
    say();
    if (own.asked !== null && performance.now() - own.since < LONGEST) { own.wanted = at; return; } // one question at a time: the latest goes next
    if (at === own.data.index) return;
    own.asked = at;
    own.since = performance.now();
    own.send("index", at);
  };
  if (own.asked === null && own.wanted !== null) { const next = own.wanted; own.wanted = null; setTimeout(() => ask(next), 0); }
  slider.oninput = () => { stop(); ask(Number(slider.value)); };
  find(".back").onclick = () => { stop(); ask(Number(slider.value) - 1); };
  find(".next").onclick = () => { stop(); ask(Number(slider.value) + 1); };

  const play = find(".play");
  const stop = () => { own.playing = false; clearInterval(own.timer); play.classList.remove("on"); play.setAttribute("aria-label", "Play"); };
  const start = () => {
    own.playing = true;
    play.classList.add("on");
    play.setAttribute("aria-label", "Pause");
    const times = own.data.times, from = Number(slider.value) >= last ? 0 : Number(slider.value), began = performance.now();
    own.timer = setInterval(() => {
      if (!root.isConnected) return clearInterval(own.timer);
      const time = times[from] + (performance.now() - began) / 1000;
      if (time >= times[last]) { ask(last); return stop(); }
      if (own.asked !== null) return;
      let at = from;
      while (at < last && times[at + 1] <= time) at += 1;
      ask(at);
    }, 40);
  };
  play.onclick = () => (own.playing ? stop() : start());
  slider.onkeydown = (event) => { if (event.key === " ") { event.preventDefault(); play.onclick(); } };

  const lens = find(".lens");
  const setLens = () => { root.classList.toggle("zoom", own.zoom); lens.setAttribute("aria-pressed", own.zoom); if (!own.zoom) root.style.setProperty("--zoom", 1); else root.style.setProperty("--zoom", ZOOM); };
  lens.hidden = !data.panels.some((panel) => panel.src);
  lens.onclick = () => { own.zoom = !own.zoom; setLens(); };
  root.querySelector(".panels").onpointermove = (event) => {
    const view = event.target.closest(".view");
    if (!own.zoom || !view) return;
    const box = view.getBoundingClientRect();
    root.style.setProperty("--x", `${(100 * (event.clientX - box.left)) / box.width}%`);
    root.style.setProperty("--y", `${(100 * (event.clientY - box.top)) / box.height}%`);
  };
  setLens();

  const cover = find(".cover");
  cover.hidden = !data.panels.some((panel) => panel.overlay);
  const setCover = () => { cover.setAttribute("aria-pressed", own.cover); for (const image of root.querySelectorAll(".over")) image.hidden = !own.cover; };
  cover.onclick = () => { own.cover = !own.cover; setCover(); };
  setCover();

  const shape = JSON.stringify([data.curves, data.shades, data.times.length]);
  if (own.shape !== shape) { own.shape = shape; drawChart(find(".chart"), data, own, (at) => { stop(); ask(at); }); }
  say();
  root.dataset.index = data.index;
  return () => { if (!root.isConnected) clearInterval(own.timer); };
}

function drawPanels(root, box, data, own) {
  root.style.setProperty("--columns", data.columns);
  while (box.children.length > data.panels.length) box.lastChild.remove();
  data.panels.forEach((panel, number) => {
    let figure = box.children[number];
    if (!figure) {
      figure = document.createElement("figure");
      const view = document.createElement("div"), caption = document.createElement("figcaption");
      view.className = "view";
      figure.append(view, caption);
      box.append(figure);
    }
    const [view, caption] = figure.children;
    view.classList.toggle("empty", !panel.src);
    if (panel.src) {
      let image = view.querySelector("img:not(.over)");
      if (!image) { view.textContent = ""; image = document.createElement("img"); image.draggable = false; view.append(image); }
      image.src = panel.src;
      image.alt = panel.alt;
      let over = view.querySelector(".over");
      if (panel.overlay) {
        if (!over) { over = document.createElement("img"); over.className = "over"; over.alt = ""; over.hidden = !own.cover; view.append(over); }
        over.src = panel.overlay;
      } else if (over) over.remove();
    } else view.textContent = panel.note || "There is none of this frame.";
    caption.textContent = "";
    const name = document.createElement("b");
    name.textContent = panel.label;
    caption.append(name, panel.src && panel.note ? ` · ${panel.note}` : "");
  });
}

function drawChart(box, data, own, go) {
  box.textContent = "";
  own.scale = null;
  const curves = data.curves.filter((curve) => curve.x.length);
  if (!curves.length) return;
  const width = 1000, height = 170, left = 34, right = 8, top = 8, bottom = 24;
  const span = Math.max(data.times[data.times.length - 1], 0.001);
  const x = (own.scale = (time) => left + ((width - left - right) * time) / span);
  // A little room, so that a score of 0 or 1 is not drawn on the edge.
  const y = (value) => top + (height - top - bottom) * (1 - (value + 0.04) / 1.08);
  const svg = make("svg", { role: "img", "aria-label": `${curves.map((c) => c.label).join(" and ")} over time; a click goes to that moment` });
  const fit = () => {
    const real = Math.max(box.clientWidth, 200);
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.setAttribute("preserveAspectRatio", "none");
    for (const text of svg.querySelectorAll("text")) text.setAttribute("transform", `translate(${text.dataset.x} ${text.dataset.y}) scale(${width / real} 1)`);
  };
  for (const [start, end, said] of data.shades) {
    const shade = make("rect", { class: "shade", x: x(start), width: Math.max(0, x(end) - x(start)), y: top, height: height - top - bottom });
    const title = make("title", {});
    title.textContent = said;
    shade.append(title);
    svg.append(shade);
  }
  for (const value of [0, 0.5, 1]) {
    svg.append(make("line", { class: "grid", x1: left, x2: width - right, y1: y(value), y2: y(value) }));
    words(svg, value.toFixed(1), left - 6, y(value) + 4, "end");
  }
  const step = [0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600].find((s) => span / s <= 9) || 1200;
  for (let time = 0; time <= span; time += step) words(svg, `${time} s`, x(time), height - 6, time ? "middle" : "start");
  for (const curve of curves) {
    const points = curve.x.map((time, i) => `${x(time).toFixed(1)},${y(curve.y[i]).toFixed(1)}`).join(" ");
    const line = make("polyline", { class: "line", points, stroke: COLOURS[curve.kind] || COLOURS.one, "vector-effect": "non-scaling-stroke" });
    if (DASHED.has(curve.kind)) line.setAttribute("stroke-dasharray", "7 5");
    svg.append(line);
  }
  svg.append(make("line", { class: "now-line", y1: top, y2: height - bottom, "vector-effect": "non-scaling-stroke" }));
  svg.onclick = (event) => {
    const area = svg.getBoundingClientRect();
    const at = (event.clientX - area.left) / area.width * width;
    const time = ((at - left) / (width - left - right)) * span;
    let best = 0;
    data.times.forEach((t, i) => { if (Math.abs(t - time) < Math.abs(data.times[best] - time)) best = i; });
    go(best);
  };
  const legend = document.createElement("div");
  legend.className = "legend";
  for (const curve of curves) {
    const one = document.createElement("span"), sign = document.createElement("i");
    sign.style.borderColor = COLOURS[curve.kind] || COLOURS.one;
    if (DASHED.has(curve.kind)) sign.className = "dash";
    one.append(sign, curve.label);
    legend.append(one);
  }
  box.append(svg, legend);
  fit();
  new ResizeObserver(fit).observe(box);
}

function make(name, attributes) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

function words(svg, text, x, y, anchor) {
  const element = make("text", { "text-anchor": anchor });
  element.textContent = text;
  element.dataset.x = x;
  element.dataset.y = y;
  svg.append(element);
}
