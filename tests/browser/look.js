// What a reader could not read: text outside the page or its own frame, and charts without a drawing.
(() => {
  const wrong = [];
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth > width) wrong.push(`the page is ${document.documentElement.scrollWidth} px wide`);
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const node = texts.currentNode;
    const holder = node.parentElement;
    if (!node.textContent.trim() || holder.closest("script, noscript, .scroll, .hidden")) continue;
    const frame = holder.closest(".command, .tiles > div, .chart, svg.states, section, header, nav, footer").getBoundingClientRect();
    const range = document.createRange();
    range.selectNodeContents(node);
    for (const box of range.getClientRects()) {
      if (box.width === 0 || box.height === 0) continue;
      if (box.left < frame.left - 1 || box.right > frame.right + 1 || box.right > width + 1)
        wrong.push(`"${node.textContent.trim().slice(0, 40)}" reaches from ${box.left} to ${box.right}, its frame from ${frame.left} to ${frame.right}`);
    }
  }
  for (const node of document.querySelectorAll(".node")) {
    const frame = node.querySelector("rect").getBoundingClientRect();
    for (const text of node.querySelectorAll("text")) {
      const box = text.getBoundingClientRect();
      if (box.width && (box.right > frame.right || box.bottom > frame.bottom)) wrong.push(`"${text.textContent}" leaves its state`);
    }
  }
  for (const chart of document.querySelectorAll("[data-figure]")) {
    const drawn = [...chart.querySelectorAll(".main-svg :is(.bars path, .scatterlayer path, .heatmaplayer image)")];
    if (!drawn.some((shape) => shape.getBoundingClientRect().width > 0)) wrong.push(`${chart.dataset.figure} is empty`);
  }
  return wrong;
})()
