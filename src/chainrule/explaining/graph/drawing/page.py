"""A page that shows a graph step by step: one file, without network and without libraries."""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape

from chainrule.explaining.graph.drawing.collapse import SPAN, Box, Kind, opened
from chainrule.explaining.graph.drawing.scene import Graph, scene
from chainrule.explaining.graph.drawing.svg import STYLE, Canvas
from chainrule.explaining.graph.drawing.writing import name_text

__all__ = ["to_page"]

BUDGET = 1_900_000
"""Folded boxes are embedded while the page has fewer characters than this."""

_STYLE = """
:root { color-scheme: light dark; }
body { margin: 0 auto; max-width: 96em; padding: .8em 1.2em; background: #ffffff; color: #1b1f24;
  font: 15px/1.5 "Helvetica Neue", Arial, "Liberation Sans", "DejaVu Sans", sans-serif; }
h1 { font-size: 1.15em; margin: .2em 0; } h2 { font-size: 1em; margin: .2em 0; }
.bar { display: flex; flex-wrap: wrap; gap: .5em; align-items: center; }
button { font: inherit; padding: .15em .8em; min-width: 2.4em; cursor: pointer; }
input[type=range] { flex: 1; min-width: 10em; }
#said { min-height: 1.5em; margin: .4em 0; font-weight: 600; }
.view { overflow: auto; max-height: 82vh; border: 1px solid #c9cfd6; border-radius: 6px; }
.view svg { display: block; margin: 0 auto; }
.panel { margin-top: 1em; } .panel .bar { justify-content: space-between; }
.hint { color: #57606a; font-size: .9em; }
:focus-visible { outline: 3px solid #005a94; outline-offset: 2px; }
@media (prefers-color-scheme: dark) {
  body { background: #14181d; color: #e8eaed; } .view { border-color: #3b444e; }
  .hint { color: #a8b1bb; } :focus-visible { outline-color: #7cc6f7; }
}
@media (prefers-reduced-motion: no-preference) {
  .view { scroll-behavior: smooth; }
  .crg .flow { animation: crg-flow .5s ease-out; } .crg .now { animation: crg-flow .3s ease-out; }
  @keyframes crg-flow { from { opacity: 0; } to { opacity: 1; } }
}
@media print { .bar, .hint { display: none; } .view { max-height: none; } }
"""

_SCRIPT = """
(function () {
  var said = JSON.parse(document.getElementById("events").textContent);
  var view = document.getElementById("main"), last = said.length - 1, timer = null;
  var slider = document.getElementById("at"), play = document.getElementById("play");
  var parts = [].map.call(view.querySelectorAll("[data-f]"), function (g) {
    return [g, +g.dataset.f, g.dataset.u === undefined ? Infinity : +g.dataset.u];
  });
  var calm = matchMedia("(prefers-reduced-motion: reduce)");
  var now = said.length;
  function show(k) {
    now = Math.max(0, Math.min(k, said.length));
    var whole = now === said.length, active = null;
    parts.forEach(function (p) {
      var on = whole ? p[2] === Infinity : p[1] <= now && now < p[2];
      p[0].style.display = on ? "" : "none";
      if (on && !whole && p[1] === now && p[2] === now + 1) active = active || p[0];
    });
    slider.value = now;
    document.getElementById("count").textContent =
      whole ? "all " + said.length + " steps" : "step " + (now + 1) + " of " + said.length;
    document.getElementById("said").textContent = whole ? "" : said[now];
    slider.setAttribute("aria-valuetext", whole ? "all steps" : said[now]);
    if (active) bring(active);
  }
  function bring(part) {
    var a = part.getBoundingClientRect(), b = view.getBoundingClientRect();
    if (a.left < b.left || a.right > b.right)
      view.scrollLeft += (a.left + a.right - b.left - b.right) / 2;
    if (a.top < b.top || a.bottom > b.bottom)
      view.scrollTop += (a.top + a.bottom - b.top - b.bottom) / 2;
  }
  function stop() {
    clearInterval(timer); timer = null; play.textContent = "Play";
  }
  function go() {
    if (timer) return stop();
    show(now >= last ? 0 : now + 1);
    play.textContent = "Pause";
    timer = setInterval(function () {
      if (now >= last) return stop();
      show(now + 1);
    }, calm.matches ? 2000 : 1100);
  }
  function step(by) { stop(); show(now + by); }
  play.onclick = go;
  document.getElementById("back").onclick = function () { step(-1); };
  document.getElementById("next").onclick = function () { step(1); };
  document.getElementById("first").onclick = function () { stop(); show(0); };
  document.getElementById("whole").onclick = function () { stop(); show(said.length); };
  slider.oninput = function () { stop(); show(+slider.value); };
  function open(name) {
    var kept = document.getElementById("in-" + name);
    if (!kept) return;
    var shown = document.getElementById("panel-" + name);
    if (!shown) {
      shown = document.createElement("section");
      shown.className = "panel"; shown.id = "panel-" + name; shown.tabIndex = -1;
      shown.appendChild(kept.content.cloneNode(true));
      shown.querySelector("button").onclick = function () { shown.remove(); };
      document.getElementById("panels").prepend(shown);
    }
    shown.focus(); shown.scrollIntoView({behavior: calm.matches ? "auto" : "smooth"});
  }
  function opening(target) {
    var box = target.closest ? target.closest("[data-open]") : null;
    if (box) open(box.getAttribute("data-open"));
    return box;
  }
  document.addEventListener("click", function (e) { opening(e.target); });
  document.addEventListener("keydown", function (e) {
    if (e.altKey || e.ctrlKey || e.metaKey) return;
    var button = e.target.tagName === "BUTTON", key = e.key;
    if ((key === "Enter" || key === " ") && opening(e.target)) e.preventDefault();
    else if (key === " " && !button) { go(); e.preventDefault(); }
    else if (e.target === slider) return;
    else if (key === "ArrowRight" || key === "ArrowLeft") {
      step(key === "ArrowRight" ? 1 : -1); e.preventDefault();
    } else if (key === "Home" || key === "End") {
      stop(); show(key === "Home" ? 0 : said.length); e.preventDefault();
    }
  });
  document.getElementById("controls").hidden = false;
  show(said.length);
})();
"""

_CONTROLS = """<div class="bar" id="controls" hidden>
<button id="first" aria-label="first step">|◀</button>
<button id="back" aria-label="one step back">◀</button>
<button id="play">Play</button>
<button id="next" aria-label="one step forward">▶</button>
<button id="whole" aria-label="all steps">▶|</button>
<input type="range" id="at" min="0" max="{last}" value="{last}" aria-label="step">
<span id="count"></span></div>
<p id="said" aria-live="polite"></p>
"""


def to_page(graph: Graph, boxes: Sequence[Box], limit: int, title: str, words: str) -> str:
    """The page: the graph of ``boxes``, and what opens when one is chosen."""
    shown = scene(graph, boxes)
    panels = _Panels(graph, limit)
    canvas = Canvas(shown, panels.named(boxes))
    main = canvas.moving(title, words)
    templates = panels.written(len(main))
    hints = [f"{note[:1].upper()}{note[1:]}." for note in graph.recording.notes]
    if templates:
        hints.append("Boxes that hold several nodes open when they are chosen.")
    if panels.folded:
        hints.append(f"{panels.folded} or more inner ones stay folded, to keep this file small.")
    hint = escape(" ".join(hints))
    events = json.dumps(list(shown.events), ensure_ascii=False).replace("</", "<\\/")
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title>\n<style>{STYLE}{_STYLE}</style></head>\n<body>\n"
        f"<h1>{escape(title)}</h1>\n{_CONTROLS.format(last=len(shown.events))}"
        f'<div class="view" id="main" tabindex="0" aria-label="graph">\n{main}</div>\n'
        f'<p class="hint">{hint}</p>\n<div id="panels"></div>\n{templates}'
        f'<script type="application/json" id="events">{events}</script>\n'
        f"<script>{_SCRIPT}</script>\n</body>\n</html>\n"
    )


class _Panels:
    """The pictures of what is in folded boxes, from the outside inwards."""

    def __init__(self, graph: Graph, limit: int) -> None:
        self.graph, self.limit = graph, limit
        self.waiting: list[tuple[str, Box]] = []
        self.count = 0
        self.folded = 0

    def named(self, boxes: Sequence[Box]) -> dict[int, str]:
        """A name for each box that can be opened; it waits to be written."""
        found = {}
        for index, box in enumerate(boxes):
            if box.folded:
                found[index] = str(self.count)
                self.waiting.append((str(self.count), box))
                self.count += 1
        return found

    def written(self, used: int) -> str:
        """The templates of as many as there is room for."""
        found = []
        while self.waiting:
            name, box = self.waiting.pop(0)
            if used > BUDGET:
                self.folded += 1 + len(self.waiting)
                break
            text = self._panel(name, box)
            used += len(text)
            found.append(text)
        return "".join(found)

    def _panel(self, name: str, box: Box) -> str:
        inner = list(opened(self.graph.items, box, self.limit))
        inside = set(box.members)
        sources = dict.fromkeys(
            source
            for member in box.members
            for source in self.graph.items[member].sources
            if source not in inside
        )
        outside = self._outside(list(sources), self.limit // 3)
        boxes = [*outside, *inner]
        shown = scene(self.graph, boxes, range(len(outside)))
        openable = {index + len(outside): opens for index, opens in self.named(inner).items()}
        first, dots, last = box.title.partition(SPAN)
        title = f"In {name_text(first)}{dots}{name_text(last)}: {len(box.members)} nodes"
        picture = Canvas(shown, openable).svg(title, title, style=False)
        return (
            f'<template id="in-{name}"><div class="bar"><h2>{escape(title)}</h2>'
            f'<button>Close</button></div><div class="view">{picture}</div></template>\n'
        )

    def _outside(self, sources: Sequence[int], most: int) -> list[Box]:
        """What comes from outside, one box each, the last of too many as one."""
        names = self.graph.items
        single = [Box(Kind.node, (k,), names[k].name) for k in sources]
        if len(single) <= most:
            return single
        rest = tuple(single[most - 1 :])
        members = tuple(sorted(box.members[0] for box in rest))
        title = f"{rest[0].title}{SPAN}{rest[-1].title}"
        return [*single[: most - 1], Box(Kind.leaves, members, title, rest)]
