// Draws the charts in the colours of the page's style, and opens one decision at a time.
// Without it the page is whole but for the charts: all tables and decisions are there.
(() => {
  "use strict";
  const root = document.documentElement;
  const plots = JSON.parse(document.getElementById("report-plots").textContent);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  root.classList.add("scripted");

  // "--v0-wash" is the colour of "--v0", nearly transparent.
  const colourOf = (name, style) => {
    const wash = name.endsWith("-wash");
    const value = style.getPropertyValue(wash ? name.slice(0, -5) : name).trim();
    return wash ? value + "38" : value;
  };
  const resolved = (value, style) => {
    if (typeof value === "string") return value.startsWith("--") ? colourOf(value, style) : value;
    if (Array.isArray(value)) return value.map((item) => resolved(item, style));
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [key, resolved(item, style)]),
    );
  };

  const settings = {
    responsive: true,
    displaylogo: false,
    displayModeBar: false,
    doubleClick: "reset",
    showTips: false,
  };
  const draw = (width, scale = 1) => {
    const style = getComputedStyle(root);
    for (const plot of plots) {
      const place = document.getElementById(plot.name);
      if (!place) continue;
      const layout = resolved(plot.layout, style);
      layout.height = Math.round(plot.height * scale);
      place.style.height = `${layout.height}px`;
      if (width) layout.width = width;
      layout.autosize = !width;
      Plotly.react(place, resolved(plot.data, style), layout, settings);
      if (!place.dataset.listens) {
        place.dataset.listens = "yes";
        place.on("plotly_click", (event) => {
          const decision = event.points.map((point) => point.customdata).find((id) => id != null);
          if (decision != null && document.getElementById(`decision-${decision}`)) {
            location.hash = `decision-${decision}`;
          }
        });
      }
    }
  };

  // One decision at a time: the address names it, so that it can be linked to and gone back from.
  const open = () => {
    const wanted = decodeURIComponent(location.hash.slice(1));
    const found = wanted.startsWith("decision-") ? document.getElementById(wanted) : null;
    for (const article of document.querySelectorAll(".article.open")) {
      article.classList.remove("open");
    }
    for (const row of document.querySelectorAll("tr.current")) row.classList.remove("current");
    if (!found) return;
    found.classList.add("open");
    const link = document.querySelector(`#decisions td a[href="#${wanted}"]`);
    if (link) link.closest("tr").classList.add("current");
    found.scrollIntoView();
    found.focus({ preventScroll: true });
  };
  for (const row of document.querySelectorAll("#decisions > .table tbody tr")) {
    const link = row.querySelector("a");
    if (!link) continue;
    row.dataset.leads = "yes";
    row.addEventListener("click", (event) => {
      if (event.target !== link && !String(getSelection())) location.hash = link.hash;
    });
  }
  addEventListener("hashchange", open);

  // Where the reader is, in the list of sections.
  const links = new Map();
  for (const link of document.querySelectorAll("nav a")) links.set(link.hash.slice(1), link);
  const seen = new Set();
  const watcher = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (entry.isIntersecting) seen.add(entry.target.id);
      else seen.delete(entry.target.id);
    }
    const current = [...links.keys()].find((id) => seen.has(id));
    for (const [id, link] of links) {
      if (id === current) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
  }, { rootMargin: "-10% 0px -60% 0px" });
  for (const id of links.keys()) watcher.observe(document.getElementById(id));

  // On paper: light, as wide as the paper, with every table unfolded.
  let folded = [];
  addEventListener("beforeprint", () => {
    root.dataset.theme = "light";
    folded = [...document.querySelectorAll("details:not([open])")];
    for (const one of folded) one.open = true;
    draw(660, 0.85);
  });
  addEventListener("afterprint", () => {
    delete root.dataset.theme;
    for (const one of folded) one.open = false;
    draw();
  });
  dark.addEventListener("change", () => draw());

  draw();
  open();
  root.dataset.drawn = "yes";
})();
