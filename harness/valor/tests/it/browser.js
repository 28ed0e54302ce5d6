// Appended to a copy of a report: uses the page as a reader would, and leaves what it found as JSON in the page.
"use strict";
(() => {
  const problems = [];
  const expect = (holds, what) => { if (!holds) problems.push(what); };
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const text = (element) => element.textContent.trim().replace(/\s+/g, " ");

  // Sorting: down, up, as found.
  const sorting = (table) => {
    const body = table.tBodies[0];
    const order = () => all("tr", body).map((row) => text(row.cells[0]));
    const values = () => all("tr", body)
      .map((row) => Number((row.cells[2].querySelector(".mean") ?? row.cells[2]).textContent.replace("\u2212", "-")))
      .filter((value) => !Number.isNaN(value));
    const sorted = (numbers, sign) => numbers.every((value, index) => index === 0 || sign * (value - numbers[index - 1]) >= 0);
    const heading = table.tHead.rows[0].cells[2];
    const button = heading.querySelector("button");
    expect(button, "a heading has no button");
    if (!button) return;
    const before = order().join();
    button.focus();
    expect(document.activeElement === button, "a heading's button takes no focus");
    button.click();
    expect(heading.getAttribute("aria-sort") === "descending", "the first click does not say that it sorts");
    expect(sorted(values(), -1), `not sorted down: ${values()}`);
    button.click();
    expect(heading.getAttribute("aria-sort") === "ascending" && sorted(values(), 1), `not sorted up: ${values()}`);
    expect(all("[role=status]").some((status) => text(status).includes("ascending")), "sorting is not announced");
    const names = table.tHead.rows[0].cells[0];
    names.querySelector("button").click();
    expect(!heading.hasAttribute("aria-sort") && names.getAttribute("aria-sort") === "ascending", "two columns claim to be sorted");
    names.querySelector("button").click();
    names.querySelector("button").click();
    expect(!names.hasAttribute("aria-sort") && order().join() === before, "the first order does not come back");
  };

  // Legends: hide and show.
  const toggling = (plate) => {
    const button = plate.querySelector(".legend button");
    const drawn = button.closest("li").dataset.draws.split(" ").flatMap((name) => all(`svg.chart .${name}`, plate));
    expect(drawn.length > 0, "a legend names what is not drawn");
    button.click();
    expect(button.getAttribute("aria-pressed") === "false", "a hidden method looks pressed");
    expect(drawn.every((shape) => getComputedStyle(shape).display === "none"), "a method does not hide");
    button.click();
    expect(drawn.every((shape) => getComputedStyle(shape).display !== "none"), "a method does not come back");
  };

  // Values: by pointer and by arrow keys.
  const values = (svg) => {
    const box = svg.getBoundingClientRect();
    const tip = document.querySelector(".tip");
    const at = { bubbles: true, clientX: box.left + box.width * 0.6, clientY: box.top + box.height * 0.5 };
    svg.dispatchEvent(new PointerEvent("pointermove", at));
    expect(!tip.hidden && /\d/.test(text(tip)), `no values under the pointer: ${text(tip)}`);
    expect(tip.getBoundingClientRect().right <= document.documentElement.clientWidth + 1, "values reach out of the page");
    svg.dispatchEvent(new PointerEvent("pointerleave"));
    expect(tip.hidden, "values stay when the pointer leaves");
    svg.focus();
    expect(document.activeElement === svg, "a chart takes no focus");
    for (let step = 0; step < 3; step += 1) {
      svg.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight", bubbles: true, cancelable: true }));
    }
    const said = all("[role=status]").map(text).join(" ");
    expect(/\d/.test(said) && !tip.hidden, `arrow keys say nothing: ${said}`);
    svg.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape", bubbles: true }));
    expect(tip.hidden, "Escape does not close");
    svg.blur();
  };

  // Names: everything that can be reached says what it is.
  const naming = () => {
    const ids = all("[id]").map((element) => element.id);
    expect(new Set(ids).size === ids.length, `ids occur twice: ${ids.filter((id, index) => ids.indexOf(id) !== index)}`);
    for (const element of all("[aria-labelledby]")) {
      const label = document.getElementById(element.getAttribute("aria-labelledby"));
      expect(label && text(label), `a label is missing: ${element.getAttribute("aria-labelledby")}`);
    }
    for (const table of all("table")) expect(table.caption && text(table.caption), "a table has no caption");
    for (const heading of all("th")) expect(heading.hasAttribute("scope"), `no scope: ${text(heading)}`);
    for (const svg of all("svg.chart")) expect(svg.getAttribute("aria-label"), "a chart has no name");
    for (const svg of all("svg.swatch")) expect(svg.getAttribute("aria-hidden") === "true", "a swatch is read aloud");
    for (const element of all("a, button")) expect(text(element), "a link or button has no name");
    for (const link of all('a[href^="#"]')) expect(document.querySelector(link.getAttribute("href")), `leads nowhere: ${link.hash}`);
    const levels = all("h1, h2, h3, h4").map((heading) => Number(heading.tagName[1]));
    expect(levels.filter((level) => level === 1).length === 1, "there is not one h1");
    expect(levels.every((level, index) => index === 0 || level <= levels[index - 1] + 1), `headings skip a level: ${levels}`);
    expect(document.documentElement.lang, "the page has no language");
  };

  // Contrast: 4.5 to 1 for text, 3 to 1 for large text (WCAG 2, 1.4.3).
  const colour = (value) => {
    const numbers = value.match(/[\d.]+/g)?.map(Number) ?? [0, 0, 0, 0];
    return { rgb: numbers.slice(0, 3), alpha: numbers.length > 3 ? numbers[3] : 1 };
  };
  const luminance = ({ rgb }) => {
    const [red, green, blue] = rgb.map((part) => part / 255).map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const found = colour(getComputedStyle(at).backgroundColor);
      if (found.alpha === 1) return found;
    }
    return colour("rgb(255, 255, 255)");
  };
  const contrast = () => {
    let lowest = Infinity;
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const element = walker.currentNode.parentElement;
      if (!text(walker.currentNode) || element.closest("script, style, .hidden, title, #found")) continue;
      const style = getComputedStyle(element);
      if (style.display === "none" || style.visibility === "hidden" || !element.getClientRects().length) continue;
      const ink = colour(element.namespaceURI.endsWith("svg") ? style.fill : style.color);
      const [light, dark] = [luminance(ink), luminance(behind(element))].sort((a, b) => b - a);
      const ratio = (light + 0.05) / (dark + 0.05);
      const size = Number.parseFloat(style.fontSize);
      const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
      lowest = Math.min(lowest, ratio);
      expect(ratio >= (large ? 3 : 4.5), `contrast ${ratio.toFixed(2)}: ${text(element).slice(0, 40)}`);
    }
    return lowest;
  };

  // What the page says first: above the first 1,000 pixels, everything else one click away, nothing wider than the window.
  const wide = (when) => {
    const { scrollWidth, clientWidth } = document.documentElement;
    expect(scrollWidth <= clientWidth + 1, `${when} the page is ${scrollWidth} wide in a window of ${clientWidth}`);
  };
  const leading = () => {
    const { clientWidth } = document.documentElement;
    const at = (selector) => document.querySelector(selector)?.getBoundingClientRect();
    const [answer, tally, figure, table] = ["#answer .answer", ".tally", ".lead svg.chart", "table.standing"].map(at);
    expect(answer && tally && figure && table, "the headline lacks a part");
    if (!(answer && tally && figure && table)) return;
    expect(answer.bottom < 1000 && tally.bottom < 1000, `the answer ends at ${answer.bottom}, the tally at ${tally.bottom}`);
    expect(clientWidth < 500 || (figure.top < 1000 && table.top < 1000), `the figure begins at ${figure.top}, the table at ${table.top}`);
    for (const part of all("table.standing, table.steps")) {
      expect(part.getBoundingClientRect().right <= clientWidth + 1, "a table of the headline is wider than the page");
      expect(!part.closest(".scroll"), "a table of the headline scrolls");
    }
    const sentences = all("#answer .answer li").length;
    expect(sentences >= 2 && sentences <= 4, `the answer has ${sentences} sentences`);
  };
  const tallied = () => {
    const counts = all(".tally .count").map((count) => [text(count).replace(/^\d+ /, ""), Number.parseInt(text(count), 10)]);
    const claims = all(".claim").length;
    expect(claims > 0 && counts.reduce((sum, [, count]) => sum + count, 0) === claims, `the tally ${counts} is not that of ${claims} claims`);
    expect(Number.parseInt(text(document.querySelector(".tally a")), 10) === claims, "the tally counts other claims");
    for (const [verdict, count] of counts) {
      const own = all(`.claim.${verdict.replaceAll(" ", "-")}`).length;
      expect(own === count, `${count} ${verdict} in the tally, ${own} among the claims`);
    }
  };
  const folding = () => {
    const folds = all("details");
    expect(all("details.fold").length > 8, "hardly anything is folded");
    expect(folds.every((fold) => !fold.open), "something is open on screen");
    expect(all("details.fold > section").every((section) => !section.checkVisibility({ contentVisibilityAuto: true })), "what is folded is seen");
    wide("closed,");
    for (const fold of folds) fold.open = true;
    expect(all("details.fold > section").every((section) => section.checkVisibility()), "what is opened is not seen");
  };

  let lowest = null;
  try {
    leading();
    tallied();
    folding();
    sorting(document.querySelector("table.main"));
    all(".plate").forEach(toggling);
    all("svg.chart[data-frame]").slice(0, 12).forEach(values);
    naming();
    lowest = contrast();
    wide("open,");
  } catch (error) {
    problems.push(`${error}`);
  }
  const found = document.createElement("pre");
  found.id = "found";
  found.textContent = JSON.stringify({
    problems: [...new Set(problems)].slice(0, 20),
    lowest,
    dark: matchMedia("(prefers-color-scheme: dark)").matches,
    width: document.documentElement.clientWidth,
    charts: all("svg.chart").length,
  });
  document.body.append(found);
  // A window cannot be as narrow as a phone: there the page stands in a frame, and the page around it waits for this.
  if (parent !== window) parent.postMessage(found.textContent, "*");
})();
