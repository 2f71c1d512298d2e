"use strict";
(() => {
  const STEP = 25; // segments shown at once
  const CELLS = 4e6; // of the table by which two texts are compared; longer ones are not marked
  const UNSPACED = ["Han", "Hiragana", "Katakana", "Thai", "Lao", "Khmer", "Myanmar"].map((script) => `\\p{Script=${script}}`).join("");
  const WORD = new RegExp(
    `[${UNSPACED}]\\p{M}*|(?:(?![${UNSPACED}])[\\p{L}\\p{M}\\p{N}])+|\\S(?:\\u200d\\S|[\\p{M}\\ufe0f\\p{Emoji_Modifier}])*`, "gu");
  const byId = (id) => document.getElementById(id);
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];

  // The words and signs of a text, each with the space before it, and the space after the last.
  const split = (text) => {
    const words = [];
    let end = 0;
    for (const match of text.matchAll(WORD)) {
      words.push({ word: match[0], space: text.slice(end, match.index) });
      end = match.index + match[0].length;
    }
    return { words, rest: text.slice(end) };
  };

  // How b is made of a by a longest common subsequence: ["", …] both have, ["del", …] only a has, ["ins", …] only b has.
  const align = (a, b) => {
    let start = 0, n = a.length, m = b.length;
    while (start < n && start < m && a[start].word === b[start].word) start++;
    while (n > start && m > start && a[n - 1].word === b[m - 1].word) { n--; m--; }
    const width = m - start + 1;
    if ((n - start) * (m - start) > CELLS) return null;
    const common = new Uint32Array((n - start + 1) * width);
    const left = (i, j) => common[(i - start) * width + j - start]; // words that a from i on and b from j on have in common
    for (let i = n - 1; i >= start; i--) {
      for (let j = m - 1; j >= start; j--) {
        common[(i - start) * width + j - start] =
          a[i].word === b[j].word ? left(i + 1, j + 1) + 1 : Math.max(left(i + 1, j), left(i, j + 1));
      }
    }
    const steps = b.slice(0, start).map((word) => ["", word]);
    let i = start, j = start;
    while (i < n || j < m) {
      if (i < n && j < m && a[i].word === b[j].word) { steps.push(["", b[j]]); i++; j++; }
      else if (j === m || (i < n && left(i + 1, j) >= left(i, j + 1))) steps.push(["del", a[i++]]);
      else steps.push(["ins", b[j++]]);
    }
    return steps.concat(b.slice(m).map((word) => ["", word]));
  };

  // Runs of one kind; between words that both have, what is missing stands before what was added.
  const runs = (steps) => {
    const found = [];
    let missing = [], added = [];
    const flush = () => {
      if (missing.length) found.push(["del", missing]);
      if (added.length) found.push(["ins", added]);
      missing = []; added = [];
    };
    for (const [kind, word] of steps) {
      if (kind === "del") missing.push(word);
      else if (kind === "ins") added.push(word);
      else { flush(); found.push(["", [word]]); }
    }
    flush();
    return found;
  };

  // Marks in an element what its text lacks of the reference, and what it has besides.
  const mark = (element, reference, text) => {
    const a = split(reference), b = split(text);
    const steps = align(a.words, b.words);
    if (!steps) return;
    const parts = [];
    let apart = false; // whether a word was taken from the other text, and a space is due after it
    for (const [kind, words] of runs(steps)) {
      const spaced = kind === "del" ? parts.length > 0 && words[0] === a.words[0] : apart && words[0] === b.words[0];
      parts.push(words[0].space || (spaced ? " " : ""));
      const content = words.map((each, at) => (at ? each.space : "") + each.word).join("");
      if (kind) parts.push(Object.assign(document.createElement(kind), { textContent: content }));
      else parts.push(content);
      apart = kind === "del";
    }
    element.replaceChildren(...parts, b.rest);
  };

  const copying = () => {
    for (const button of all(".copy")) {
      button.hidden = false;
      button.addEventListener("click", async () => {
        const code = button.previousElementSibling;
        getSelection().selectAllChildren(code);
        try { await navigator.clipboard.writeText(code.textContent); } catch { document.execCommand("copy"); }
        button.textContent = "Copied";
        setTimeout(() => { button.textContent = "Copy"; }, 2000);
      });
    }
  };

  const charts = () => {
    const tabs = document.querySelector(".tabs");
    const show = () => {
      const chosen = tabs.querySelector(":checked").value;
      for (const chart of all(".chart")) chart.hidden = chart.dataset.metric !== chosen;
    };
    tabs.hidden = all("input", tabs).length < 2;
    tabs.addEventListener("change", show);
    show();
  };

  const segments = () => {
    const list = byId("articles");
    const lower = byId("list").dataset.lower.split(",").map((flag) => flag === "1");
    const names = all("#first option").map((option) => option.text);
    const measures = all("#by option").map((option) => option.text);
    const number = (value) => (Number.isNaN(value) ? "–" : value.toFixed(2).replace("-", "−"));
    const rows = (node) => all(".hypothesis", node).map((row) => ({
      row, text: row.lastElementChild.textContent, marked: false,
      scores: row.dataset.scores.split(",").map((score) => (score === "" ? NaN : Number(score))),
    }));
    const items = all(".segment", list).map((node) => ({
      node, line: node.dataset.line, systems: rows(node), search: all("dd", node).map((each) => each.textContent).join("\n").toLowerCase(),
      reference: node.querySelector(".reference dd"), gap: node.querySelector(".gap"), body: node.querySelector("dl"),
    }));
    let limit = STEP;

    const state = () => {
      const choice = (id) => (byId(id) ? Number(byId(id).value) : 0);
      const by = choice("by");
      return { first: choice("first"), second: choice("second"), by, sign: lower[by] ? -1 : 1, order: choice("order"),
        query: byId("search").value.trim().toLowerCase(), all: names.length < 3 || byId("all").checked };
    };

    // By how much the second system is better than the first.
    const lead = (item, now) => now.sign * (item.systems[now.second].scores[now.by] - item.systems[now.first].scores[now.by]);
    const KEYS = [
      (item, now) => -Math.abs(lead(item, now)),
      lead,
      (item, now) => -lead(item, now),
      (item, now) => now.sign * item.systems[now.first].scores[now.by],
      (item, now) => now.sign * item.systems[now.second].scores[now.by],
      (item) => Number(item.line),
    ];

    const found = (now) => {
      const key = (item) => { const value = KEYS[now.order](item, now); return Number.isNaN(value) ? Infinity : value; };
      return items
        .filter((item) => !now.query || item.line === now.query || item.search.includes(now.query))
        .map((item) => ({ item, at: key(item) }))
        .filter(({ at }) => (now.order !== 1 && now.order !== 2) || at < 0)
        .sort((a, b) => (a.at === b.at ? Number(a.item.line) - Number(b.item.line) : a.at < b.at ? -1 : 1))
        .map(({ item }) => item);
    };

    const describe = (item, now) => {
      if (now.first === now.second) return "";
      const ahead = lead(item, now);
      if (Number.isNaN(ahead)) return "";
      if (Math.abs(ahead) < 0.005) return `${measures[now.by]}: no difference`;
      return `${measures[now.by]}: ${names[ahead > 0 ? now.second : now.first]} ahead by ${number(Math.abs(ahead))}`;
    };

    const draw = (item, now) => {
      const chosen = [...new Set([now.first, now.second])];
      const others = item.systems.map((_, system) => system).filter((system) => !chosen.includes(system));
      for (const system of [...chosen, ...others]) {
        const each = item.systems[system];
        each.row.hidden = !now.all && !chosen.includes(system);
        if (!each.row.hidden && !each.marked && item.reference) {
          mark(each.row.lastElementChild, item.reference.textContent, each.text);
          each.marked = true;
        }
        for (const value of all(".values > span", each.row)) value.classList.toggle("on", value.dataset.metric === String(now.by));
        item.body.append(each.row);
      }
      item.gap.textContent = describe(item, now);
    };

    const show = () => {
      const now = state();
      const wanted = found(now);
      const visible = wanted.slice(0, limit);
      for (const item of items) item.node.hidden = true;
      for (const item of visible) {
        draw(item, now);
        item.node.hidden = false;
      }
      list.append(...visible.map((item) => item.node));
      byId("more").hidden = wanted.length <= limit;
      byId("shown").textContent = wanted.length ? `${visible.length} of ${wanted.length} shown` : "Nothing found.";
    };

    // Orders are named after the systems that are chosen.
    const label = () => {
      if (!byId("second")) return;
      const [first, second] = [names[Number(byId("first").value)], names[Number(byId("second").value)]];
      const labels = { 1: `${first} ahead`, 2: `${second} ahead`, 3: `worst of ${first}`, 4: `worst of ${second}` };
      for (const option of all("#order option")) option.text = labels[option.value] ?? option.text;
    };

    const restart = () => { limit = STEP; label(); show(); };
    const controls = document.querySelector(".controls");
    controls.hidden = false;
    byId("legend").hidden = false;
    controls.addEventListener("submit", (event) => event.preventDefault());
    controls.addEventListener("input", restart);
    byId("swap")?.addEventListener("click", () => {
      const [first, second] = [byId("first"), byId("second")];
      [first.value, second.value] = [second.value, first.value];
      restart();
    });
    byId("more").addEventListener("click", () => {
      const next = all(".segment:not([hidden])", list).length;
      limit += STEP;
      show();
      all(".segment:not([hidden]) h3", list)[next]?.focus();
    });
    restart();
  };

  document.documentElement.classList.add("js");
  copying();
  charts();
  if (byId("articles").firstElementChild) segments();
})();
