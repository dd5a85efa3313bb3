// The search of the site. What it searches comes from search-index.js, beside
// this file, when a search begins; what it found is put into the page as text.
"use strict";
(() => {
  const root = document.currentScript.dataset.root;
  const box = document.querySelector(".search");
  const input = document.getElementById("Search");
  const list = document.getElementById("Found");
  const most = 30;
  box.hidden = false;

  let loading;
  const load = () => loading ||= new Promise((done, failed) => {
    const s = document.createElement("script");
    s.src = root + "search-index.js";
    s.onload = () => done(window.runbookIndex.map((e) => ({
      ...e, name: (e.title || e.page).toLowerCase(), all: (e.page + " " + (e.title || "") + " " + e.text).toLowerCase(),
    })));
    s.onerror = failed;
    document.head.append(s);
  });

  // Every word must be there; in the name of a section it says more than in its text.
  const score = (e, words) => {
    let n = e.title ? 0 : 1;
    for (const w of words) {
      if (!e.all.includes(w)) return 0;
      n += e.name === w ? 40 : e.name.startsWith(w) ? 20 : e.name.includes(w) ? 10 : 1;
    }
    return n;
  };

  const marked = (to, text, words) => {
    const low = text.toLowerCase();
    let at = 0;
    while (at < text.length) {
      let next = -1, size = 0;
      for (const w of words) {
        const i = low.indexOf(w, at);
        if (i >= 0 && (next < 0 || i < next)) { next = i; size = w.length; }
      }
      if (next < 0) break;
      to.append(text.slice(at, next));
      to.append(Object.assign(document.createElement("mark"), { textContent: text.slice(next, next + size) }));
      at = next + size;
    }
    to.append(text.slice(at));
  };

  const excerpt = (text, words) => {
    const low = text.toLowerCase();
    const first = Math.min(...words.map((w) => low.indexOf(w)).filter((i) => i >= 0), text.length);
    const from = first > 60 && first < text.length ? text.lastIndexOf(" ", first - 40) + 1 : 0;
    return (from ? "… " : "") + text.slice(from, from + 180).replace(/\s+/g, " ");
  };

  const show = (entries, words) => {
    list.replaceChildren();
    list.hidden = words.length === 0;
    if (!words.length) return;
    const hits = entries.map((e) => [score(e, words), e]).filter(([n]) => n > 0).sort((a, b) => b[0] - a[0]);
    if (!hits.length) {
      list.append(Object.assign(document.createElement("p"), { textContent: "Nothing has all of these words." }));
    }
    for (const [, e] of hits.slice(0, most)) {
      const a = document.createElement("a");
      a.href = root + e.href;
      const head = document.createElement("b");
      marked(head, e.title || e.page, words);
      a.append(head);
      if (e.title) a.append(Object.assign(document.createElement("small"), { textContent: e.page }));
      const text = document.createElement("span");
      marked(text, excerpt(e.text, words), words);
      a.append(text);
      list.append(a);
    }
    if (hits.length > most) {
      list.append(Object.assign(document.createElement("p"), { textContent: `${hits.length - most} more: add a word.` }));
    }
  };

  const search = async () => {
    const words = () => input.value.toLowerCase().split(/\s+/).filter(Boolean);
    try {
      show(await load(), words());
    } catch {
      list.hidden = false;
      list.textContent = "search-index.js is not beside the pages.";
    }
  };
  const leave = () => { list.hidden = true; input.value = ""; };

  input.addEventListener("focus", () => { load().catch(() => {}); if (input.value) search(); });
  input.addEventListener("input", search);
  list.addEventListener("click", () => { list.hidden = true; });
  document.addEventListener("click", (e) => { if (!box.contains(e.target)) list.hidden = true; });
  box.addEventListener("keydown", (e) => {
    const links = [...list.querySelectorAll("a")];
    const at = links.indexOf(document.activeElement);
    switch (e.key) {
      case "ArrowDown": (links[at + 1] || links[0])?.focus(); break;
      case "ArrowUp": (at > 0 ? links[at - 1] : input).focus(); break;
      case "Enter": if (at >= 0) return; links[0]?.click(); break;
      case "Escape": leave(); input.blur(); break;
      default: return;
    }
    e.preventDefault();
  });
  document.addEventListener("keydown", (e) => {
    if (e.key !== "/" || e.ctrlKey || e.metaKey || e.altKey || /^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement.tagName)) return;
    e.preventDefault();
    input.focus();
    input.select();
  });
})();
