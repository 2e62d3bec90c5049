// Draws the charts, in the colours of the reader's scheme; copies commands. Nothing here asks a network.
"use strict";
(() => {
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const coarse = matchMedia("(pointer: coarse)");
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const panels = new Map();

  function color(value, style) {
    if (typeof value === "string" && value.startsWith("var(--")) return style.getPropertyValue(value.slice(4, -1)).trim();
    if (Array.isArray(value)) return value.map((item) => color(item, style));
    if (value && typeof value === "object") return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, color(item, style)]));
    return value;
  }

  async function unpack(id) {
    const bytes = Uint8Array.from(atob(document.getElementById(id).textContent), (character) => character.charCodeAt(0));
    return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
  }

  function draw(width) {
    const style = getComputedStyle(root);
    const drawn = [];
    for (const [name, panel] of panels) {
      const { data, layout } = color(figures[name], style);
      layout.dragmode = figures[name].followsTime && !coarse.matches ? "zoom" : false;
      if (width) layout.width = width(panel);
      drawn.push(Plotly.react(panel, data, layout, { displayModeBar: false, responsive: true, doubleClick: "reset", showTips: false }));
    }
    return Promise.all(drawn);
  }

  // Charts over the run's time zoom together.
  let following = false;
  function follow(panel, change) {
    const range = change["xaxis.range"] || (change["xaxis.range[0]"] !== undefined && [change["xaxis.range[0]"], change["xaxis.range[1]"]]);
    if (!range || following) return;
    following = true;
    const others = [...panels].filter(([name, other]) => other !== panel && figures[name].followsTime);
    Promise.all(others.map(([, other]) => Plotly.relayout(other, { "xaxis.range": [...range] }))).finally(() => (following = false));
  }

  async function start() {
    for (const panel of document.querySelectorAll("[data-figure]")) panels.set(panel.dataset.figure, panel);
    if (panels.size) {
      const script = document.createElement("script");
      script.textContent = await unpack("plotly");
      document.head.append(script);
    }
    await draw();
    for (const [name, panel] of panels) if (figures[name].followsTime) panel.on("plotly_relayout", (change) => follow(panel, change));
    dark.addEventListener("change", () => draw().then(tell));
    // Paper is white and narrow, whatever the screen is.
    const repaint = (printing) => {
      root.classList.toggle("printing", printing);
      draw(printing ? (panel) => panel.clientWidth : undefined); // at once: Plotly would follow a new width too late
    };
    addEventListener("beforeprint", () => repaint(true));
    addEventListener("afterprint", () => repaint(false));
    tell();
  }

  function tell() {
    root.dataset.charts = dark.matches ? "dark" : "light";
    dispatchEvent(new Event("charts-drawn"));
  }

  async function copy(button) {
    const command = button.previousElementSibling;
    try {
      await navigator.clipboard.writeText(command.textContent);
    } catch {
      getSelection().selectAllChildren(command); // no clipboard here: the reader copies what is selected
      button.textContent = "Selected";
      return;
    }
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = "Copy"), 1500);
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button.copy");
    if (button) copy(button);
  });
  start().catch((error) => {
    root.dataset.charts = "failed";
    for (const panel of document.querySelectorAll("[data-figure]")) panel.textContent = `This chart could not be drawn: ${error.message}`;
    dispatchEvent(new Event("charts-drawn"));
  });
})();
