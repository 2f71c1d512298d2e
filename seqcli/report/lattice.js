"use strict";
(() => {
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];

  // The way to a candidate that is pointed at, or of a text whose row is.
  for (const section of all(".search")) {
    const picture = section.querySelector(".beam");
    const nodes = new Map(all(".node", picture).map((node) => [node.dataset.node, node]));
    const show = (way) => {
      picture.classList.toggle("pointed", way.length > 0);
      const on = new Set(way);
      for (const part of all("[data-node]", picture)) part.classList.toggle("on", on.has(part.dataset.node));
    };
    const back = (id) => {
      const way = [];
      for (let node = nodes.get(id); node; node = nodes.get(node.dataset.parent)) way.push(node.dataset.node);
      return way;
    };
    for (const [id, node] of nodes) {
      node.addEventListener("mouseenter", () => show(back(id)));
      node.addEventListener("mouseleave", () => show([]));
    }
    for (const row of all(".ways tbody tr", section)) {
      row.tabIndex = 0;
      const way = row.dataset.nodes.split(" ").filter(Boolean);
      for (const event of ["mouseenter", "focus"]) row.addEventListener(event, () => show(way));
      for (const event of ["mouseleave", "blur"]) row.addEventListener(event, () => show([]));
    }
  }
  document.documentElement.classList.add("js");
})();
