// Says of each link whether it is seen: of a piece of its text, or an image in it, something is laid out on the page,
// found where it is by a hit test, large enough, and in contrast with the boxes that the hit test finds beneath it.
function rgba(text) {
  const found = /^rgba?\(([\d.]+)[, ]+([\d.]+)[, ]+([\d.]+)(?:[,\/ ]+([\d.]+))?\)$/.exec(text);
  if (found) return [found[1] / 255, found[2] / 255, found[3] / 255, found[4] === undefined ? 1 : +found[4]];
  const pen = document.createElement("canvas").getContext("2d");  // colours of other spaces
  pen.fillStyle = text;
  pen.fillRect(0, 0, 1, 1);
  return [...pen.getImageData(0, 0, 1, 1).data].map(v => v / 255);
}
function over(above, below) {
  const alpha = above[3] + below[3] * (1 - above[3]);
  if (!alpha) return [0, 0, 0, 0];
  return [0, 1, 2].map(i => (above[i] * above[3] + below[i] * below[3] * (1 - above[3])) / alpha).concat(alpha);
}
function luminance(c) {
  const [r, g, b] = c.map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
function contrast(one, other) {
  const [a, b] = [luminance(one), luminance(other)];
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
}
function opacity(element, view) {
  let product = 1;
  for (let each = element; each; each = each.parentElement) {
    const style = view.getComputedStyle(each);
    const filter = /opacity\(([\d.]+)\)/.exec(style.filter);
    product *= +style.opacity * (filter ? +filter[1] : 1);
  }
  return product;
}
function layers(element, view) {
  const style = view.getComputedStyle(element), share = opacity(element, view), found = [];
  const stops = style.backgroundImage.includes("gradient") ? style.backgroundImage.match(/rgba?\([^)]*\)/g) || [] : [];
  if (stops.length) {
    const colours = stops.map(rgba);
    found.push([0, 1, 2, 3].map(i => colours.reduce((sum, c) => sum + c[i], 0) / colours.length));
  }
  found.push(rgba(style.backgroundColor));
  return found.map(c => [c[0], c[1], c[2], c[3] * share]);
}
function pieces(link, doc) {
  const found = [];
  const walker = doc.createTreeWalker(link, NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    if (node.nodeType === 3) {
      if (!node.data.replace(/[\s\u200b-\u200d\u2060\ufeff\u00ad\u034f\u00a0]/g, "")) continue;
      const range = doc.createRange();
      range.selectNodeContents(node);
      found.push([node.parentElement, [...range.getClientRects()], false]);
    } else if (node.localName === "img") {
      found.push([node, [node.getBoundingClientRect()], true]);
    }
  }
  return found;
}
function isSeen(link, doc, view) {
  for (const [element, boxes, isImage] of pieces(link, doc)) {
    const style = view.getComputedStyle(element);
    if (!element.checkVisibility({visibilityProperty: true, contentVisibilityAuto: true})) continue;
    if (!isImage && parseFloat(style.fontSize) < 6) continue;
    for (const box of boxes) {
      if (box.width < 3 || box.height < 3) continue;
      for (let i = 1; i < 8; i++) for (const part of [0.25, 0.5, 0.75]) {
        const x = box.left + box.width * i / 8, y = box.top + box.height * part;
        if (x < 0 || y < 0 || x >= view.innerWidth) continue;
        // A hit test finds cells, and not the rows whose colour is behind them.
        const stack = doc.elementsFromPoint(x, y).flatMap(
          each => ["td", "th"].includes(each.localName) ? [each, each.parentElement, each.parentElement.parentElement] : [each]);
        const at = stack.indexOf(element);
        if (at < 0) continue;
        const covered = stack.slice(0, at).some(each => !element.contains(each) && layers(each, view)[0][3] > 0.9);
        if (covered) continue;
        const share = opacity(element, view);
        if (isImage) {
          if (share >= 0.2) return true;
          continue;
        }
        let ink = rgba(style.webkitTextFillColor || style.color), ground = [0, 0, 0, 0];
        ink = [ink[0], ink[1], ink[2], ink[3] * share];
        for (const each of stack.slice(at)) for (const layer of layers(each, view)) {
          ink = over(ink, layer);
          ground = over(ground, layer);
        }
        if (contrast(over(ink, [1, 1, 1, 1]).slice(0, 3), over(ground, [1, 1, 1, 1]).slice(0, 3)) >= 2) return true;
      }
    }
  }
  return false;
}
const answers = parts.map(({html, width}) => {
  const frame = document.createElement("iframe");
  frame.style.cssText = `width:${width}px;height:3000px;border:0`;
  frame.sandbox = "allow-same-origin";
  document.body.append(frame);
  const doc = frame.contentDocument;
  doc.open();
  doc.write(html);
  doc.close();
  const style = doc.createElement("style");
  style.textContent = "* { pointer-events: auto !important; animation: none !important; transition: none !important }";
  (doc.head || doc.documentElement).append(style);
  window.scrollTo(0, 0);
  const answer = [...doc.querySelectorAll("a[href]")].map(link => isSeen(link, doc, doc.defaultView));
  frame.remove();
  return answer;
});
document.body.textContent = "";
const shown = document.createElement("pre");
shown.id = "answers";
shown.textContent = JSON.stringify(answers);
document.body.append(shown);
