"use strict";
(() => {
  const CELL = 22;
  const SVG = "http" + "://www.w3.org/2000/svg";
  const byId = (id) => document.getElementById(id);
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];
  const make = (tag, ...content) => {
    const made = document.createElement(tag);
    made.append(...content);
    return made;
  };
  const scale = document.querySelector(".all");
  if (!scale) return;
  const [LEVELS, STEPS, MOST, LEAST] = ["levels", "steps", "most", "least"].map((key) => Number(scale.dataset[key]));

  const sentences = all(".sentence").map((node) => {
    const lists = ["source", "target"].map((side) => all(`.${side} li`, node));
    const layers = Number(node.dataset.layers), heads = Number(node.dataset.heads);
    return { node, lists, layers, heads, S: lists[0].length, T: lists[1].length, svg: node.querySelector(".heat"), kept: null, over: null };
  });
  const [layer, head, sentence] = ["layer", "head", "sentence"].map(byId);
  const form = document.querySelector(".controls"), rows = all(".heads tbody tr");
  let now = 0;

  // The steps of a sentence, unpacked when it is first shown.
  const steps = (each) => {
    each.steps ??= Uint8Array.from(atob(each.node.dataset.weights), (character) => character.charCodeAt(0));
    return each.steps;
  };

  // Numbers of the chosen layers or heads: one, or all of them.
  const chosen = (select, count) => {
    const value = select ? Number(select.value) : 0;
    return value < count ? [value] : [...Array(count).keys()];
  };

  // The mean over the chosen layers and heads, row by row.
  const mean = (each) => {
    const size = each.T * each.S, found = new Float64Array(size), bytes = steps(each);
    const layers = chosen(layer, each.layers), heads = chosen(head, each.heads);
    for (const l of layers) for (const h of heads) {
      const start = (l * each.heads + h) * size;
      for (let i = 0; i < size; i++) found[i] += bytes[start + i];
    }
    return found.map((sum) => sum / (STEPS * layers.length * heads.length));
  };

  // A path a shade, as in the file.
  const outlines = (weights, T, S) => {
    const parts = Array.from({ length: LEVELS + 1 }, () => "");
    for (let t = 0; t < T; t++) {
      const level = (s) => Math.floor(Math.sqrt(weights[t * S + s]) * LEVELS + 0.5);
      for (let s = 0, end; s < S; s = end) {
        for (end = s + 1; end < S && level(end) === level(s);) end++;
        parts[level(s)] += `M${s} ${t}h${end - s}v1h-${end - s}z`;
      }
    }
    return parts.slice(1);
  };

  const table = (each) => {
    const names = each.lists[0].map((item) => item.textContent);
    all(".greatest tbody tr", each.node).forEach((row, t) => {
      const weights = each.weights.subarray(t * each.S, (t + 1) * each.S);
      const best = [...weights.keys()].sort((a, b) => weights[b] - weights[a]).slice(0, MOST).filter((s) => weights[s] >= LEAST);
      row.lastElementChild.replaceChildren(...best.map((s) => make("span", make("bdi", names[s]), ` ${weights[s].toFixed(2)}`)));
    });
  };

  const draw = (each) => {
    each.weights = mean(each);
    const paths = outlines(each.weights, each.T, each.S);
    all(".shades path", each.svg).forEach((path, level) => path.setAttribute("d", paths[level]));
    table(each);
    const [layers, heads] = [chosen(layer, each.layers), chosen(head, each.heads)];
    rows.forEach((row) => {
      const { layer: l, head: h } = row.querySelector("button").dataset;
      row.classList.toggle("on", rows.length > 1 && layers.includes(Number(l)) && heads.includes(Number(h)));
    });
    show(each);
  };

  // A small picture of each head for the sentence that is shown.
  const small = (each) => {
    for (const canvas of all(".heads canvas")) {
      const { layer: l, head: h } = canvas.closest("tr").querySelector("button").dataset;
      const size = each.T * each.S, start = (Number(l) * each.heads + Number(h)) * size;
      const [red, green, blue] = getComputedStyle(canvas).color.match(/\d+/g).map(Number);
      canvas.width = each.S;
      canvas.height = each.T;
      const context = canvas.getContext("2d"), image = context.createImageData(each.S, each.T);
      for (let i = 0; i < size; i++) image.data.set([red, green, blue, 255 * Math.sqrt(steps(each)[start + i] / STEPS)], 4 * i);
      context.putImageData(image, 0, 0);
    }
  };

  // What is pointed at: a cell, or with s or t null a whole column or row.
  const show = (each) => {
    const { t = null, s = null } = each.over ?? each.kept ?? {};
    const { svg, lists: [source, target], S, T, weights } = each;
    const left = Number(svg.dataset.left), top = Number(svg.dataset.top);
    const band = (node, on, x, y, width, height) => {
      for (const [key, value] of Object.entries({ x, y, width, height })) node.setAttribute(key, value);
      node.toggleAttribute("hidden", !on);
    };
    const [across, down, cell] = each.marks;
    band(across, t !== null, left, top + CELL * t, CELL * S, CELL);
    band(down, s !== null, left + CELL * s, top, CELL, CELL * T);
    band(cell, t !== null && s !== null, left + CELL * s, top + CELL * t, CELL, CELL);
    all(".columns text", svg).forEach((label, i) => label.classList.toggle("at", i === s));
    all(".rows text", svg).forEach((label, i) => label.classList.toggle("at", i === t));
    source.forEach((item, i) => shade(item, i === s, t === null ? 0 : weights[t * S + i]));
    target.forEach((item, i) => shade(item, i === t, s === null || t !== null ? 0 : weights[i * S + s]));
    each.node.querySelector(".said").replaceChildren(...say(each, t, s));
  };
  const shade = (item, at, weight) => {
    item.classList.toggle("at", at);
    item.style.setProperty("--share", Math.sqrt(weight).toFixed(3));
  };
  const say = ({ lists: [source, target], S, weights }, t, s) => {
    const token = (list, i) => make("b", make("bdi", list[i].textContent));
    if (t !== null && s !== null) return [token(target, t), " looked at ", token(source, s), `: ${weights[t * S + s].toFixed(2)}`];
    if (t !== null) return ["Where the model looked before it wrote ", token(target, t)];
    return s === null ? [] : ["When the model looked at ", token(source, s)];
  };

  const choose = (at) => {
    now = Math.min(Math.max(at, 0), sentences.length - 1);
    sentences.forEach(({ node }, i) => { node.hidden = i !== now; });
    if (sentence) {
      sentence.value = now;
      byId("back").disabled = now === 0;
      byId("next").disabled = now === sentences.length - 1;
    }
    draw(sentences[now]);
    small(sentences[now]);
  };

  const watch = (each) => {
    const { svg, S, T } = each;
    const left = Number(svg.dataset.left), top = Number(svg.dataset.top);
    each.marks = ["band", "band", ""].map((name) => {
      const mark = document.createElementNS(SVG, "rect");
      mark.setAttribute("class", `mark ${name}`);
      mark.toggleAttribute("hidden", true);
      svg.append(mark);
      return mark;
    });
    const at = (event) => {
      const box = svg.getBoundingClientRect(), { width, height } = svg.viewBox.baseVal;
      const t = Math.floor(((event.clientY - box.top) * height / box.height - top) / CELL);
      const s = Math.floor(((event.clientX - box.left) * width / box.width - left) / CELL);
      const place = { t: t >= 0 && t < T ? t : null, s: s >= 0 && s < S ? s : null };
      return place.t === null && place.s === null ? null : place;
    };
    const over = (place) => { each.over = place; show(each); };
    const keep = (place) => {
      const same = each.kept && place && each.kept.t === place.t && each.kept.s === place.s;
      each.kept = same ? null : place;
      over(null);
    };
    svg.setAttribute("tabindex", "0");
    svg.addEventListener("pointermove", (event) => over(at(event)));
    svg.addEventListener("pointerleave", () => over(null));
    svg.addEventListener("click", (event) => keep(at(event)));
    svg.addEventListener("keydown", (event) => {
      const move = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
      if (event.ctrlKey || event.metaKey || event.altKey || (!move && event.key !== "Escape")) return;
      event.preventDefault();
      const next = (value, by, count) => (value === null ? 0 : Math.min(Math.max(value + by, 0), count - 1));
      const { t = null, s = null } = each.kept ?? {};
      each.kept = move ? { t: next(t, move[0], T), s: next(s, move[1], S) } : null;
      over(null);
    });
    each.lists.forEach((list, side) => list.forEach((item, i) => {
      const place = side ? { t: i, s: null } : { t: null, s: i };
      item.addEventListener("pointerenter", () => over(place));
      item.addEventListener("pointerleave", () => over(null));
      item.addEventListener("click", () => keep(place));
    }));
  };

  document.documentElement.classList.add("js");
  for (const node of all(".controls, .keys")) node.hidden = false;
  for (const row of rows) {
    const button = row.querySelector("button");
    row.children[1].append(document.createElement("canvas"));
    button.addEventListener("click", () => {
      if (layer) layer.value = button.dataset.layer;
      if (head) head.value = button.dataset.head;
      draw(sentences[now]);
    });
  }
  sentences.forEach(watch);
  form?.addEventListener("submit", (event) => event.preventDefault());
  layer?.addEventListener("change", () => draw(sentences[now]));
  head?.addEventListener("change", () => draw(sentences[now]));
  sentence?.addEventListener("change", () => choose(Number(sentence.value)));
  byId("back")?.addEventListener("click", () => choose(now - 1));
  byId("next")?.addEventListener("click", () => choose(now + 1));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => small(sentences[now]));
  choose(0);
})();
