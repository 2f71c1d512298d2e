"use strict";
(() => {
  const NEAR = 18; // pixels from the pointer within which a point is meant
  const CROWDED = 15; // three points covered: no label, if the word was not asked for
  const SQUARE = 48; // pixels
  const CLOSEST = 60; // times the whole picture
  const LISTED = 12; // words found that are listed
  const REACH = 8; // from a point to its label, as in the file
  const SIDES = [
    ["", 1, 0, 0, -0.5], ["end", -1, 0, -1, -0.5], ["middle", 0, -1, -0.5, -1], ["middle", 0, 1, -0.5, 0],
    ["", 0.6, -0.6, 0, -1], ["", 0.6, 0.6, 0, 0], ["end", -0.6, -0.6, -1, -1], ["end", -0.6, 0.6, -1, 0]];
  const byId = (id) => document.getElementById(id);
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];
  const make = (tag, content, name) => {
    const made = document.createElement(tag);
    if (name) made.className = name;
    made.append(...[content].flat());
    return made;
  };
  const button = (word, act) => {
    const made = make("button", make("bdi", word));
    made.type = "button";
    made.addEventListener("click", act);
    return made;
  };

  const svg = byId("plane"), card = byId("card"), figure = svg.parentElement;
  const { width, height } = svg.viewBox.baseVal, frame = { width, height }, size = { ...frame };
  const rows = all("#words tr");
  const points = all(".point", svg).map((node, i) => {
    const [x, y] = node.getAttribute("transform").match(/-?[\d.]+/g).map(Number);
    const label = node.querySelector("text");
    return { i, node, label, x, y, group: Number(node.dataset.group), word: label.textContent, shown: true,
      group_name: rows[i].querySelector(".group")?.textContent ?? "",
      near: all(".near span", rows[i]).map((each) => ({ word: each.firstChild.textContent, cosine: each.lastChild.textContent.trim() })) };
  });
  const index = new Map(points.map((point, i) => [point.word, i]));
  const arrows = all(".arrows path", svg).map((node) => ({ node, ends: node.dataset.ends.split(" ").map(Number) }));
  const ends = new Set(arrows.flatMap((arrow) => arrow.ends));
  const view = { scale: 1, x: 0, y: 0 }; // zoom, and shift in pixels
  let fit = { scale: 1, x: 0, y: 0 }; // from the file's frame to the element
  let kept = -1, over = -1, matches = new Set(), later = 0;

  const toScreen = (point) => [
    (point.x * fit.scale + fit.x) * view.scale + view.x,
    (point.y * fit.scale + fit.y) * view.scale + view.y];

  const measure = () => {
    const box = svg.getBoundingClientRect();
    Object.assign(size, { width: box.width || frame.width, height: box.height || frame.height });
    const scale = Math.min(size.width / frame.width, size.height / frame.height);
    fit = { scale, x: (size.width - scale * frame.width) / 2, y: (size.height - scale * frame.height) / 2 };
  };

  const arrow = (a, b) => {
    const length = Math.hypot(b.px - a.px, b.py - a.py);
    if (length < 24) return "";
    const ux = (b.px - a.px) / length, uy = (b.py - a.py) / length;
    const x = b.px - 8 * ux, y = b.py - 8 * uy, barb = (side) => `${x - 7 * ux - 3 * side * uy} ${y - 7 * uy + 3 * side * ux}`;
    return `M${a.px + 7 * ux} ${a.py + 7 * uy}L${x} ${y}M${barb(-1)}L${x} ${y}L${barb(1)}`;
  };

  // Boxes by the squares of the plane that they touch, to find those that lie over another.
  const grid = () => {
    const squares = new Map();
    const touched = ([left, top, right, bottom]) => {
      const found = [];
      for (let x = Math.floor(left / SQUARE); x <= right / SQUARE; x++) {
        for (let y = Math.floor(top / SQUARE); y <= bottom / SQUARE; y++) found.push(x * 65536 + y);
      }
      return found;
    };
    const overlaps = (a, b) => a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3];
    return {
      add: (box) => touched(box).forEach((square) => squares.get(square)?.push(box) ?? squares.set(square, [box])),
      over: (box) => new Set(touched(box).flatMap((square) => squares.get(square) ?? []).filter((other) => overlaps(box, other))),
    };
  };

  // What labels should not cover: marks, worse than bits of arrows.
  const obstacles = (inside) => {
    const found = grid();
    for (const { px, py } of inside) found.add([px - 4, py - 4, px + 4, py + 4, 5]);
    for (const { ends: [from, to] } of arrows) {
      const a = points[from], b = points[to], steps = Math.ceil(Math.hypot(b.px - a.px, b.py - a.py) / 6);
      if (!a.shown || !b.shown || steps < 4 || steps > 2000) continue;
      for (let i = 2; i < steps - 1; i++) {
        const x = a.px + (b.px - a.px) * i / steps, y = a.py + (b.py - a.py) * i / steps;
        found.add([x - 1, y - 1, x + 1, y + 1, 1]);
      }
    }
    return found;
  };

  // The side of a point where its label covers least, or null where any side covers another label.
  const side = (point, placed, avoided, most) => {
    const wide = point.width + 2, high = 13;
    let best = null, least = most;
    for (const [anchor, right, down, left, top] of SIDES) {
      const x = point.px + right * REACH + left * wide, y = point.py + down * REACH + top * high, box = [x, y, x + wide, y + high];
      if (x < 0 || y < 0 || box[2] > size.width || box[3] > size.height || placed.over(box).size) continue;
      const covered = [...avoided.over(box)].reduce((sum, other) => sum + other[4], 0);
      if (covered < least) [best, least] = [{ anchor, box, x: right * REACH, y: down * REACH + (top + 0.8) * high }, covered];
      if (!least) break;
    }
    return best;
  };

  // As many labels as fit: first the words that are asked for, then those of arrows, then the others in order.
  const labels = () => {
    const priority = (point) => (point.i === kept ? 0 : matches.has(point.i) ? 1 : ends.has(point.i) ? 2 : 3);
    const inside = points.filter(({ shown, px, py }) =>
      shown && px > -REACH && py > -REACH && px < size.width + REACH && py < size.height + REACH);
    const avoided = obstacles(inside), placed = grid();
    for (const point of points) point.label.setAttribute("class", "off");
    for (const point of inside.sort((a, b) => priority(a) - priority(b) || a.i - b.i)) {
      const best = side(point, placed, avoided, priority(point) < 3 ? Infinity : CROWDED);
      if (!best) continue;
      placed.add(best.box);
      point.label.setAttribute("x", best.x);
      point.label.setAttribute("y", best.y);
      point.label.setAttribute("class", best.anchor);
    }
  };

  const draw = (soon = false) => {
    for (const point of points) {
      [point.px, point.py] = toScreen(point);
      point.node.setAttribute("transform", `translate(${point.px.toFixed(1)} ${point.py.toFixed(1)})`);
    }
    for (const { node, ends: [a, b] } of arrows) {
      node.setAttribute("d", points[a].shown && points[b].shown ? arrow(points[a], points[b]) : "");
    }
    clearTimeout(later);
    if (soon && points.length > 300) later = setTimeout(labels, 80); // while a hand moves
    else labels();
    place();
  };

  const zoom = (factor, x = size.width / 2, y = size.height / 2) => {
    const scale = Math.min(CLOSEST, Math.max(0.5, view.scale * factor));
    view.x = x - (x - view.x) * (scale / view.scale);
    view.y = y - (y - view.y) * (scale / view.scale);
    view.scale = scale;
    draw(true);
  };
  const move = (dx, dy) => { view.x += dx; view.y += dy; draw(true); };
  const whole = () => { Object.assign(view, { scale: 1, x: 0, y: 0 }); draw(); };

  // The card beside its point, inside the picture.
  const place = () => {
    const at = kept >= 0 ? kept : over;
    if (at < 0) return;
    const { px, py } = points[at], room = card.getBoundingClientRect();
    const x = px + 14 + room.width < size.width ? px + 14 : Math.max(4, px - 14 - room.width);
    const y = Math.min(Math.max(4, py - room.height / 2), Math.max(4, size.height - room.height - 4));
    card.style.transform = `translate(${x}px, ${y}px)`;
  };

  const mark = () => {
    const at = kept >= 0 ? kept : over;
    const on = new Set(at >= 0 ? [at, ...points[at].near.map(({ word }) => index.get(word)).filter((i) => i !== undefined)] : matches);
    svg.classList.toggle("fewer", on.size > 0);
    points.forEach((point, i) => {
      point.node.classList.toggle("on", on.has(i) || matches.has(i));
      point.node.classList.toggle("at", i === at);
      point.node.classList.toggle("match", matches.has(i));
    });
  };

  const show = () => {
    const at = kept >= 0 ? kept : over;
    card.hidden = at < 0;
    card.classList.toggle("kept", kept >= 0);
    mark();
    if (at < 0) return;
    const { word, group_name: group, near } = points[at];
    const list = near.map((each) => {
      const there = index.get(each.word);
      const name = there === undefined ? make("bdi", each.word) : button(each.word, () => go(there));
      return make("li", [name, make("span", each.cosine)]);
    });
    card.replaceChildren(make("strong", make("bdi", word)), ...(group ? [make("span", group, "note")] : []),
      ...(list.length ? [make("ol", list)] : []));
    place();
  };

  // Brings a word to the middle and keeps its card.
  const go = (i) => {
    const group = byId(`group${points[i].group}`);
    if (group && !group.checked) { group.checked = true; groups(); }
    view.scale = Math.max(view.scale, 2.5);
    const [x, y] = toScreen(points[i]);
    view.x += size.width / 2 - x;
    view.y += size.height / 2 - y;
    kept = i;
    show();
    draw();
  };

  const nearest = (x, y) => {
    let found = -1, least = NEAR;
    points.forEach((point, i) => {
      const distance = Math.hypot(point.px - x, point.py - y);
      if (point.shown && distance < least) [found, least] = [i, distance];
    });
    return found;
  };

  const groups = () => {
    const hidden = new Set(all(".legend input:not(:checked)").map((box) => Number(box.value)));
    for (const point of points) {
      point.shown = !hidden.has(point.group);
      point.node.toggleAttribute("hidden", !point.shown);
      point.node.style.display = point.shown ? "" : "none";
    }
    if (kept >= 0 && !points[kept].shown) kept = -1;
    over = -1;
    show();
    draw();
  };

  const search = () => {
    const query = byId("search").value.trim().toLowerCase();
    const rank = ({ word }) => { const at = word.toLowerCase().indexOf(query); return at < 0 ? 3 : at > 0 ? 2 : word.length > query.length ? 1 : 0; };
    const found = query ? points.map((point, i) => [rank(point), i]).filter(([at]) => at < 3).sort((a, b) => a[0] - b[0] || a[1] - b[1])
      .map(([, i]) => i) : [];
    matches = new Set(found);
    byId("said").textContent = !query ? "" : found.length ? `${found.length} found` + (found.length > LISTED ? `, the first ${LISTED} listed` : "") : "Nothing found.";
    byId("found").replaceChildren(...found.slice(0, LISTED).map((i) => make("li", button(points[i].word, () => go(i)))));
    byId("found").hidden = !found.length;
    kept = over = -1;
    show();
    labels();
    return found;
  };

  const pointers = new Map();
  let moved = 0;
  const at = (event) => { const box = svg.getBoundingClientRect(); return [event.clientX - box.left, event.clientY - box.top]; };
  const down = (event) => {
    if (event.button > 0) return;
    svg.setPointerCapture?.(event.pointerId);
    if (!pointers.size) moved = 0;
    pointers.set(event.pointerId, at(event));
    svg.classList.add("moving");
  };
  const drag = (event) => {
    const now = at(event), before = pointers.get(event.pointerId);
    if (!before) {
      const found = nearest(...now);
      if (found !== over && kept < 0) { over = found; show(); }
      return;
    }
    const other = [...pointers].find(([id]) => id !== event.pointerId)?.[1];
    pointers.set(event.pointerId, now);
    moved += Math.hypot(now[0] - before[0], now[1] - before[1]);
    if (other) {
      const apart = (point) => Math.max(1, Math.hypot(point[0] - other[0], point[1] - other[1]));
      zoom(apart(now) / apart(before), (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
      move((now[0] - before[0]) / 2, (now[1] - before[1]) / 2);
    } else move(now[0] - before[0], now[1] - before[1]);
  };
  const up = (event) => {
    if (!pointers.delete(event.pointerId) || pointers.size) return;
    svg.classList.remove("moving");
    if (event.type === "pointerup" && moved < 4) {
      const found = nearest(...at(event));
      kept = found === kept ? -1 : found;
      over = -1;
      show();
      labels();
    }
  };

  const KEYS = {
    ArrowLeft: () => move(60, 0), ArrowRight: () => move(-60, 0), ArrowUp: () => move(0, 60), ArrowDown: () => move(0, -60),
    "+": () => zoom(1.4), "=": () => zoom(1.4), "-": () => zoom(1 / 1.4), 0: whole, Escape: () => { kept = over = -1; show(); labels(); },
  };

  document.documentElement.classList.add("js");
  svg.removeAttribute("viewBox");
  svg.setAttribute("tabindex", "0");
  for (const hidden of all(".controls, .moving, .legend input")) hidden.hidden = false;
  const pen = document.createElement("canvas").getContext("2d");
  pen.font = `12px ${getComputedStyle(svg).fontFamily}`;
  for (const point of points) {
    point.width = pen.measureText(point.word).width;
    point.node.querySelector("title")?.remove();
  }
  svg.addEventListener("pointerdown", down);
  svg.addEventListener("pointermove", drag);
  svg.addEventListener("pointerup", up);
  svg.addEventListener("pointercancel", up);
  svg.addEventListener("pointerleave", () => { if (over >= 0) { over = -1; show(); } });
  svg.addEventListener("wheel", (event) => {
    event.preventDefault();
    zoom(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0015)), ...at(event));
  }, { passive: false });
  figure.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !(event.key in KEYS)) return;
    event.preventDefault();
    KEYS[event.key]();
  });
  byId("closer").addEventListener("click", () => zoom(1.6));
  byId("farther").addEventListener("click", () => zoom(1 / 1.6));
  byId("whole").addEventListener("click", whole);
  byId("search").addEventListener("input", search);
  document.querySelector(".controls").addEventListener("submit", (event) => {
    event.preventDefault();
    const found = search();
    if (found.length) go(found[0]);
  });
  document.querySelector(".legend")?.addEventListener("change", groups);
  addEventListener("resize", () => { measure(); draw(); });
  measure();
  draw();
})();
