export default function (component) {
  const { data, parentElement } = component;
  const box = parentElement.querySelector(".compare");
  const input = box.querySelector("input");
  const set = () => box.style.setProperty("--at", `${input.value}%`);
  box.querySelector(".left").src = data.left;
  box.querySelector(".right").src = data.right;
  box.querySelector(".left").alt = data.labels[0];
  box.querySelector(".right").alt = data.labels[1];
  box.querySelector(".start").textContent = data.labels[0];
  box.querySelector(".end").textContent = data.labels[1];
  input.setAttribute("aria-label", `${data.labels[0]} on the left of the border, ${data.labels[1]} on the right`);
  input.oninput = set;
  set();
}
