export default function (component) {
  const { data, parentElement, setStateValue } = component;
  const box = parentElement.querySelector(".sheet");
  const own = (box._own ??= { picked: new Set(), last: null });
  const names = data.cells.map((cell) => cell.name);
  for (const name of [...own.picked]) if (!names.includes(name)) own.picked.delete(name);
  while (box.children.length > names.length) box.lastChild.remove();
  const show = () => [...box.children].forEach((one, i) => one.setAttribute("aria-pressed", own.picked.has(names[i])));
  data.cells.forEach((cell, number) => {
    let one = box.children[number];
    if (!one) {
      one = document.createElement("button");
      one.type = "button";
      one.append(document.createElement("img"), document.createElement("span"));
      box.append(one);
    }
    one.firstChild.src = cell.src;
    one.firstChild.alt = `Face ${cell.words}`;
    one.lastChild.textContent = cell.words;
    one.onclick = (event) => {
      const on = !own.picked.has(cell.name);
      const from = event.shiftKey && own.last !== null ? own.last : number;
      for (let i = Math.min(from, number); i <= Math.max(from, number); i++) own.picked[on ? "add" : "delete"](names[i]);
      own.last = number;
      show();
      setStateValue("picked", [...own.picked]);
    };
  });
  show();
}
