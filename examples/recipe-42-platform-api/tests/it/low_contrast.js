const channels = (colour) => colour.match(/[\d.]+/g).map(Number);
const opaque = (colour) => colour.length < 4 || colour[3] > 0;
const luminance = (colour) => {
  const [r, g, b] = colour.slice(0, 3).map((it) => {
    const part = it / 255;
    return part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const behind = (element) => {
  for (let at = element; at; at = at.parentElement) {
    const colour = channels(getComputedStyle(at).backgroundColor);
    if (opaque(colour)) return colour;
  }
  return [255, 255, 255];
};
const ratio = (element) => {
  const pair = [channels(getComputedStyle(element).color), behind(element)].map(luminance);
  return (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
};
const holdsText = (element) => [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
return [...document.body.querySelectorAll("*")]
  .filter((element) => holdsText(element) && element.checkVisibility() && ratio(element) < 4.5)
  .map((element) => `${element.textContent.trim()}: ${ratio(element).toFixed(2)}`);
