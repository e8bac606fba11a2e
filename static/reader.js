// Remembers the paragraph at the top of the screen, so that the next visit begins there. Reading works without it.
const prose = document.querySelector("[data-place-url]");
if (prose) {
  let sent = prose.dataset.place;
  let moved = false;  // whoever opens the page and leaves it at once keeps her place
  const blocks = prose.querySelectorAll(":scope > [id]");
  // The first block is the beginning, which needs no place.
  const place = () => {
    const top = [...blocks].find((block) => block.getBoundingClientRect().bottom > 8);
    return !top || top === blocks[0] ? "" : top.id;
  };
  const keep = () => {
    const now = place();
    if (!moved || now === sent) return;
    sent = now;
    const body = new FormData();
    body.set("place", now);
    body.set("csrfmiddlewaretoken", document.querySelector("[name=csrfmiddlewaretoken]").value);
    navigator.sendBeacon(prose.dataset.placeUrl, body);
  };
  window.addEventListener("scroll", () => { moved = true; }, { once: true, passive: true });
  document.addEventListener("visibilitychange", () => { if (document.visibilityState === "hidden") keep(); });
  window.addEventListener("pagehide", keep);
}
// A chip leads into the folded list of sources: open it, so that the row can be seen.
for (const chip of document.querySelectorAll('.sources a[href^="#src-"]')) {
  chip.addEventListener("click", () => {
    const row = document.getElementById(chip.hash.slice(1));
    const fold = row && row.closest("details");
    if (fold) fold.open = true;
  });
}
