"use strict";
(() => {
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];

  // A merge tree: what stands after so many merges, by the slider, the buttons or a row of the table.
  const stepping = (word) => {
    const form = word.querySelector(".stepper");
    const slider = form.querySelector("input"), said = form.querySelector("output");
    const [back, next] = all("button", form);
    const nodes = all(".node", word), rows = all(".steps tbody tr", word);
    const title = (step) => nodes.find((node) => node.dataset.step === String(step)).querySelector("title").textContent;
    const show = (step) => {
      slider.value = step;
      for (const node of nodes) {
        const [born, gone] = [Number(node.dataset.step), Number(node.dataset.gone || Infinity)];
        node.classList.toggle("later", born > step);
        node.classList.toggle("now", step > 0 && born === step);
        node.classList.toggle("top", born <= step && step < gone);
      }
      rows.forEach((row, i) => row.classList.toggle("now", i === step));
      said.textContent = step ? title(step) : "nothing merged yet";
      back.disabled = step === 0;
      next.disabled = step === rows.length - 1;
    };
    const at = () => Number(slider.value);
    form.hidden = false;
    form.addEventListener("submit", (event) => event.preventDefault());
    slider.addEventListener("input", () => show(at()));
    back.addEventListener("click", () => show(at() - 1));
    next.addEventListener("click", () => show(at() + 1));
    rows.forEach((row, i) => row.addEventListener("click", () => show(i)));
    show(rows.length - 1);
  };

  // A lattice: the arcs of a way while its row is pointed at, and the ways through an arc while that is.
  const choosing = (word) => {
    const picture = word.querySelector(".lattice");
    const arcs = all(".arc", picture), rows = all(".ways tbody tr[data-arcs]", word);
    const through = (row) => row.dataset.arcs.split(" ");
    const show = (chosen) => {
      const wanted = new Set(chosen ? through(chosen) : []);
      picture.classList.toggle("chosen", Boolean(chosen));
      for (const arc of arcs) arc.classList.toggle("on", wanted.has(arc.dataset.arc));
      for (const row of rows) row.classList.toggle("on", row === chosen);
    };
    for (const row of rows) {
      row.tabIndex = 0;
      for (const event of ["mouseenter", "focus"]) row.addEventListener(event, () => show(row));
      for (const event of ["mouseleave", "blur"]) row.addEventListener(event, () => show(null));
    }
    const light = (arc) => {
      for (const row of rows) row.classList.toggle("through", Boolean(arc) && through(row).includes(arc.dataset.arc));
    };
    for (const arc of arcs) {
      arc.addEventListener("mouseenter", () => light(arc));
      arc.addEventListener("mouseleave", () => light(null));
    }
  };

  document.documentElement.classList.add("js");
  for (const word of all(".word")) {
    if (word.querySelector(".stepper")) stepping(word);
    if (word.querySelector(".lattice")) choosing(word);
  }
})();
