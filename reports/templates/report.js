// Sorting, hiding and values. The page says everything without it; nothing is fetched.
"use strict";
(() => {
  const minus = /\u2212/g;
  const make = (tag, name, text) => {
    const element = document.createElement(tag);
    if (name) element.className = name;
    if (text) element.textContent = text;
    return element;
  };
  const say = make("div", "hidden");
  say.setAttribute("role", "status");

  // Tables: a button in every heading of a column.

  const keyOf = (cell) => {
    if (!cell) return null;
    if (cell.dataset.sort !== undefined) {
      const given = Number(cell.dataset.sort);
      return cell.dataset.sort === "" ? null : Number.isFinite(given) ? given : cell.dataset.sort;
    }
    if (cell.matches("th")) return cell.textContent.trim();
    const text = (cell.querySelector(".mean") ?? cell).textContent.replace(minus, "-").trim();
    const number = text.match(/^[-+]?\d[\d,]*(\.\d+)?(e[-+]?\d+)?/i);
    if (number) return Number(number[0].replaceAll(",", ""));
    return text === "" || text.startsWith("\u2013") ? null : text;
  };

  const compare = (a, b) =>
    typeof a === "number" && typeof b === "number"
      ? a - b
      : String(a).localeCompare(String(b), undefined, { numeric: true });

  /** Rows with their keys; where a column has numbers, words count as absent. */
  const keys = (rows, column) => {
    const found = rows.map((row, index) => ({ row, index, key: keyOf(row.cells[column]) }));
    const numeric = found.some((entry) => typeof entry.key === "number");
    for (const entry of found) if (numeric && typeof entry.key !== "number") entry.key = null;
    return found;
  };

  const sort = (body, rows, column, direction) => {
    const keyed = keys(rows, column);
    const absentLast = (a, b) => (a.key === null) - (b.key === null);
    keyed.sort((a, b) => absentLast(a, b) || (a.key === null ? 0 : direction * compare(a.key, b.key)) || a.index - b.index);
    body.append(...keyed.map((entry) => entry.row));
  };

  const sortable = (table) => {
    const body = table.tBodies[0];
    const head = table.tHead?.rows[table.tHead.rows.length - 1];
    if (!head || !body || table.dataset.fixed !== undefined || body.rows.length < 2) return;
    const asFound = [...body.rows];
    if (asFound.some((row) => row.cells.length !== head.cells.length)) return;
    [...head.cells].forEach((heading, column) => {
      const name = heading.textContent.trim().replace(/\s+/g, " ");
      if (!name) return;
      const button = make("button", "sort");
      button.type = "button";
      button.append(...heading.childNodes);
      heading.append(button);
      const words = keys(asFound, column).some((entry) => typeof entry.key === "string");
      const first = words || heading.dataset.better === "lower" ? "ascending" : "descending";
      const second = first === "ascending" ? "descending" : "ascending";
      button.addEventListener("click", () => {
        const now = heading.getAttribute("aria-sort");
        const next = now === first ? second : now === second ? null : first;
        for (const other of head.cells) other.removeAttribute("aria-sort");
        if (next) {
          heading.setAttribute("aria-sort", next);
          sort(body, asFound, column, next === "ascending" ? 1 : -1);
        } else {
          body.append(...asFound);
        }
        say.textContent = next ? `Sorted by ${name}, ${next}` : "In the order of the experiment";
      });
    });
  };

  // Legends: a button for everything drawn; it hides and shows.

  const parts = (plate, names) =>
    names.flatMap((name) => [...plate.querySelectorAll(`svg.chart .${name}`)]);

  const toggles = (plate) => {
    for (const item of plate.querySelectorAll(".legend li[data-draws]")) {
      const button = make("button", "toggle");
      button.type = "button";
      button.append(...item.childNodes);
      item.append(button);
      button.setAttribute("aria-pressed", "true");
      button.title = "Hide or show";
      button.addEventListener("click", () => {
        const shown = button.getAttribute("aria-pressed") !== "true";
        button.setAttribute("aria-pressed", String(shown));
        for (const part of parts(plate, item.dataset.draws.split(" "))) {
          part.style.display = shown ? "" : "none";
        }
      });
    }
  };

  // Values: what is drawn under the pointer, or under a cursor that the arrow keys move.

  const tip = make("div", "tip");
  tip.hidden = true;
  let cursor = null;

  const pair = (text) => text.split(" ").map(Number);
  const points = (shape) =>
    shape.matches("circle")
      ? [[Number(shape.getAttribute("cx")), Number(shape.getAttribute("cy"))]]
      : shape.getAttribute("points").trim().split(/\s+/).map((point) => point.split(",").map(Number));

  const chart = (svg) => {
    const [left, right, top, bottom] = pair(svg.dataset.frame);
    const axis = (range, from, to) => {
      const [low, high] = pair(range);
      return (at) => low + ((at - from) / (to - from)) * (high - low);
    };
    return { svg, left, right, top, bottom, x: axis(svg.dataset.x, left, right), y: axis(svg.dataset.y, bottom, top) };
  };

  const round = (value, like) => {
    const [low, high] = pair(like);
    const decimals = Math.min(6, Math.max(0, 2 - Math.floor(Math.log10(Math.abs(high - low) || 1))));
    return value.toFixed(decimals).replace("-", "\u2212");
  };

  /** Heights of a shape at a horizontal place: of a curve one, of a bar or a band both ends. */
  const heights = (shape, at, reach) => {
    const found = points(shape);
    const xs = found.map((point) => point[0]);
    const [first, last] = [Math.min(...xs), Math.max(...xs)];
    if (at < first - reach || at > last + reach) return [];
    if (last - first < 1) return found.map((point) => point[1]);
    if (found.length === 2 && Math.abs(found[0][1] - found[1][1]) < 1) return [found[0][1]];
    for (let index = 1; index < found.length; index += 1) {
      const [a, b] = [found[index - 1], found[index]];
      if (a[0] <= at && at <= b[0] && b[0] > a[0]) {
        return [a[1] + ((at - a[0]) / (b[0] - a[0])) * (b[1] - a[1])];
      }
    }
    return [];
  };

  const columnLines = (drawn, plate, at) => {
    const lines = [];
    for (const item of plate.querySelectorAll(".legend li[data-draws]")) {
      const name = item.dataset.draws.split(" ")[0];
      const shapes = [...drawn.svg.querySelectorAll(`.${name}`)].filter((shape) => shape.style.display !== "none");
      const reach = shapes.some((shape) => shape.matches("circle")) || item.dataset.near !== undefined ? (drawn.right - drawn.left) / 24 : 0;
      const found = shapes.filter((shape) => shape.matches("polyline, circle")).flatMap((shape) => heights(shape, at, reach));
      if (!found.length) continue;
      const [low, high] = [drawn.y(Math.max(...found)), drawn.y(Math.min(...found))];
      const text = [low, high].map((value) => round(value, drawn.svg.dataset.y));
      lines.push({ name: item.textContent.trim(), value: text[0] === text[1] ? text[0] : `${text[0]} to ${text[1]}`, order: low });
    }
    return lines.sort((a, b) => b.order - a.order);
  };

  const format = (svg, value) =>
    svg.dataset.ticks === "percent" ? `${Math.round(value * 100)} %`
      : svg.dataset.ticks === "whole" ? String(Math.round(value))
        : round(value, svg.dataset.x);

  const place = (box, x, y) => {
    tip.hidden = false;
    const width = tip.offsetWidth;
    const wanted = window.scrollX + x + 14;
    const limit = window.scrollX + document.documentElement.clientWidth - width - 6;
    tip.style.left = `${Math.max(window.scrollX + 4, Math.min(wanted, limit))}px`;
    tip.style.top = `${window.scrollY + Math.max(y, box.top) + 14}px`;
  };

  const fill = (heading, lines) => {
    tip.replaceChildren(make("strong", "", heading), ...lines.map((line) => {
      const row = make("div");
      row.append(make("span", "name", line.name), " ", make("span", "value", line.value));
      return row;
    }));
    return [heading, ...lines.map((line) => `${line.name} ${line.value}`)].join("; ");
  };

  const clear = () => {
    tip.hidden = true;
    cursor?.remove();
    cursor = null;
  };

  const rule = (drawn, at) => {
    cursor?.remove();
    cursor = document.createElementNS("http://www.w3.org/2000/svg", "line");
    const place = { x1: at, x2: at, y1: drawn.top, y2: drawn.bottom, class: "c-cursor", "stroke-width": 4 };
    for (const [name, value] of Object.entries(place)) cursor.setAttribute(name, value);
    drawn.svg.append(cursor);
  };

  const showColumn = (drawn, plate, at) => {
    const lines = columnLines(drawn, plate, at);
    rule(drawn, at);
    return fill(`${drawn.svg.dataset.along}: ${format(drawn.svg, drawn.x(at))}`, lines);
  };

  const named = (svg) => (svg.dataset.names ? JSON.parse(svg.dataset.names) : null);

  const showDot = (drawn, names, index, dots) => {
    for (const dot of dots) dot.classList.remove("chosen");
    dots[index].classList.add("chosen");
    const [x, y] = points(dots[index])[0];
    const lines = [{ name: drawn.svg.dataset.along, value: format(drawn.svg, drawn.x(x)) }];
    if (drawn.svg.dataset.up) lines.push({ name: drawn.svg.dataset.up, value: round(drawn.y(y), drawn.svg.dataset.y) });
    return fill(names[index] ?? "", lines);
  };

  const hover = (plate, svg) => {
    const drawn = chart(svg);
    const names = named(svg);
    const dots = [...svg.querySelectorAll("circle")];
    let at = null;
    const inside = (event) => {
      const box = svg.getBoundingClientRect();
      const scale = svg.viewBox.baseVal.width / box.width;
      return [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
    };
    const nearest = (x, y) => {
      const distance = (dot) => { const [cx, cy] = points(dot)[0]; return (drawn.svg.dataset.up ? (cx - x) ** 2 : 0) + (cy - y) ** 2; };
      return dots.reduce((best, dot, index) => (dot.style.display !== "none" && (best < 0 || distance(dot) < distance(dots[best])) ? index : best), -1);
    };
    const leave = () => { at = null; for (const dot of dots) dot.classList.remove("chosen"); clear(); };
    svg.addEventListener("pointermove", (event) => {
      const [x, y] = inside(event);
      if (x < drawn.left - 20 || x > drawn.right + 20 || y < drawn.top - 20 || y > drawn.bottom + 20) return leave();
      if (names) {
        const index = nearest(x, y);
        if (index >= 0) showDot(drawn, names, index, dots);
      } else {
        showColumn(drawn, plate, Math.min(drawn.right, Math.max(drawn.left, x)));
      }
      place(svg.getBoundingClientRect(), event.clientX, event.clientY);
    });
    svg.addEventListener("pointerleave", leave);
    svg.tabIndex = 0;
    svg.addEventListener("blur", leave);
    svg.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (event.key === "Escape") return leave();
      if (!step) return;
      event.preventDefault();
      const box = svg.getBoundingClientRect();
      const scale = box.width / svg.viewBox.baseVal.width;
      if (names) {
        at = at === null ? 0 : (at + step + dots.length) % dots.length;
        say.textContent = showDot(drawn, names, at, dots);
        const [x, y] = points(dots[at])[0];
        return place(box, box.left + x * scale, box.top + y * scale);
      }
      const stride = (drawn.right - drawn.left) / 20;
      at = at === null ? drawn.left : Math.min(drawn.right, Math.max(drawn.left, at + step * stride));
      say.textContent = showColumn(drawn, plate, at);
      place(box, box.left + at * scale, box.top);
    });
  };

  // What is folded: opened by whoever goes there, and on paper.

  const reveal = () => {
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    for (let at = target && target.closest("details"); at; at = at.parentElement.closest("details")) at.open = true;
  };
  window.addEventListener("hashchange", reveal);
  reveal();
  let folded = [];
  window.addEventListener("beforeprint", () => {
    folded = [...document.querySelectorAll("details:not([open])")];
    for (const details of folded) details.open = true;
  });
  window.addEventListener("afterprint", () => {
    for (const details of folded) details.open = false;
  });

  document.body.append(say, tip);
  document.documentElement.classList.add("scripted");
  document.querySelectorAll("table").forEach(sortable);
  for (const plate of document.querySelectorAll(".plate")) {
    toggles(plate);
    plate.querySelectorAll("svg.chart[data-frame]").forEach((svg) => hover(plate, svg));
  }
})();
